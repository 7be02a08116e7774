"""Parameters of the stage `donors`."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.reading import Section


class DonorsParams(Section):
    """Which records `beat_sparse` and `wave_sparse` may take from."""

    role: Literal["train", "pool"] = "train"
    """Of the records: train has many of the rare superclasses, pool those that prototypes are chosen from."""

    predicted: Literal["exact", "present"] = "exact"
    """exact: one superclass, and that one alone predicted; present: the superclass is there and predicted, maybe with
    others, for superclasses that hardly ever come alone."""

    candidates: int = Field(ge=3)
    """Of each superclass, those that are predicted most clearly; their DTW distances are computed."""

    records: int = Field(ge=2)
    """Of each superclass: medoids of so many clusters, or all candidates where there are no more than these."""

    intervals_from: int = Field(ge=1)
    """Records of the pool, the first ones, whose intervals say what is plausible."""

    seed: int = Field(ge=0, lt=2**32)
    """Of the clusters."""

    @model_validator(mode="after")
    def _enough_candidates(self) -> "DonorsParams":
        if self.candidates <= self.records:
            raise ValueError(f"'candidates' ({self.candidates}) must be more than 'records' ({self.records})")
        return self
