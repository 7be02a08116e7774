"""Parameters of the stage `simulate`."""

from pydantic import Field

from tasks.params.reading import Section


class SimulateParams(Section):
    """Size and difficulty of the simulated cohort."""

    records: int = Field(ge=20, le=99_999)  # file names have five digits
    """Records, corrupted ones included; a duplicate ecg_id adds a row to the database."""

    seed: int = Field(ge=0)
    """Seed of everything drawn."""

    wrong_label_share: float = Field(default=0.05, ge=0, le=1)
    """Share of records that are given other superclasses than they show."""

    corrupted_share: float = Field(default=0.01, ge=0, le=0.5)
    """Share of records that ingest must refuse."""

    noise: float = Field(default=1.0, ge=0, le=10)
    """Multiplier of all noise: 1 is realistic, 0 none."""
