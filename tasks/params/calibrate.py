"""Decision thresholds."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.params.reading import Section


def _divides_one(step: float) -> float:
    if abs(round(1 / step) * step - 1) > 1e-9:
        raise ValueError(f"a step of {step} does not divide 1 into equal parts; 0.001 does")
    return step


class CalibrateParams(Section):
    """How thresholds are found on the validation records ([CF] A.2)."""

    step: Annotated[float, Field(gt=0, le=0.5), AfterValidator(_divides_one)]
