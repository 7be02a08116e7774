"""`veribeat retrain` on a schedule."""

from pathlib import Path

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from flows.retrain.flow import retrain
from flows.workspace import Workspace

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A run that is due while another one works is cancelled: the next one takes what has come since."""


def serve(place: Workspace, cron: str, key: Path | None) -> None:
    """Serve the flow for one workspace, by the five fields of `cron` in UTC, until Ctrl-C; `key` signs its releases."""
    retrain.serve(
        name=place.path.name,
        cron=cron,
        parameters={"workspace": str(place.path), "key": None if key is None else str(key.resolve())},
        global_limit=ONE_AT_A_TIME,
        limit=1,
    )
