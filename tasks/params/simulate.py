"""Parameters of the stage `simulate`."""

from pydantic import Field

from tasks.params.reading import Section


class SimulateParams(Section):
    """Size and difficulty of the simulated cohort."""

    records: int = Field(default=2000, ge=20, description="Records, corrupted ones included.")
    seed: int = Field(default=20201, ge=0, description="Seed of everything drawn.")
    wrong_label_share: float = Field(
        default=0.05, ge=0, le=1, description="Share of records given other superclasses than they show."
    )
    corrupted_share: float = Field(
        default=0.01, ge=0, le=0.5, description="Share of database rows that ingest must refuse."
    )
    noise: float = Field(
        default=1.0, ge=0, le=10, description="Multiplier of all noise; 1 is realistic, 0 none."
    )
