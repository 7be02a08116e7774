"""Parameters of the stage `report`."""

from typing import Literal

from pydantic import Field

from tasks.params.reading import Section


class ReportParams(Section):
    """Which query the figures show."""

    query: int | None = Field(ge=1)
    """An ecg_id among the queries; None: the first CD query that `wave_sparse` brings to the target."""

    target: Literal["NORM", "MI", "STTC", "CD", "HYP"]
