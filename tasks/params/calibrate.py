"""Decision thresholds, and how sure the metrics are."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.params.reading import Section


def _divides_one(step: float) -> float:
    if abs(round(1 / step) * step - 1) > 1e-9:
        raise ValueError(f"a step of {step} does not divide 1 into equal parts; 0.001 does")
    return step


class BootstrapParams(Section):
    """How the intervals of the metrics are drawn, patient by patient."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    """Fewer than 100 hold no 2.5th percentile worth the name."""

    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = Field(default=1, ge=0, lt=2**32)


class CalibrateParams(Section):
    """How thresholds are found on the validation records ([CF] A.2), and how results are reported."""

    step: Annotated[float, Field(gt=0, le=0.5), AfterValidator(_divides_one)]
    bootstrap: BootstrapParams = BootstrapParams()
    smallest_subgroup: int = Field(default=50, ge=1)
    """Records that a device needs for a row of its own; the others are pooled."""
