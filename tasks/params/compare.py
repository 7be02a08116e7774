"""Comparisons of selections: `veribeat compare`."""

from pydantic import Field

from tasks.params.calibrate import BootstrapParams
from tasks.params.reading import Section


class ContaminationParams(Section):
    """What `veribeat compare --contaminated` does to training records before anything learns from them."""

    record_share: float = Field(ge=0, le=1)
    """Of the training records that get noise."""
    snr_db: list[float] = Field(min_length=2, max_length=2)
    """Signal to noise, lowest and highest, in dB of power."""
    label_share: float = Field(ge=0, le=1)
    """Of the training records that get the labels of another record."""
    seed: int = Field(ge=0, lt=2**32)


class CompareParams(Section):
    """What every cell of a comparison shares, and how differences are judged."""

    reference: str
    """Selection that the others are compared with."""
    seeds: int = Field(ge=1)
    """How many; they are 1, 2, ..."""
    bootstrap: BootstrapParams
    contamination: ContaminationParams
