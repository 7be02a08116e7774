"""Comparisons of selections: `veribeat compare`."""

from pydantic import Field

from tasks.params.calibrate import BootstrapParams
from tasks.params.reading import Section


class CompareParams(Section):
    """What every cell of a comparison shares, and how differences are judged."""

    reference: str
    """Selection that the others are compared with."""
    seeds: int = Field(ge=1)
    """How many; they are 1, 2, ..."""
    bootstrap: BootstrapParams
