"""Cells of a comparison as MLflow runs, in an experiment of their own, each logged once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.compare.cells import FORWARDS_PER_EPOCH, curves
from flows.compare.ledger import FinishedCell
from flows.tracking.content import flatten, numbers
from flows.tracking.context import RunContext
from flows.tracking.environment import artifact_root, quieten, tracking_uri
from flows.tracking.projection import KEY
from flows.workspace import Workspace

if TYPE_CHECKING:
    from flows.tracking.store import Store

STEPS_PER_EPOCH = 100
"""MLflow's steps are whole numbers: hundredths of what an epoch on all records costs."""


def log_cells(place: Workspace, name: str, cells: Sequence[FinishedCell], context: RunContext) -> None:
    """Log the cells of the comparison `name` that MLflow does not have.

    The comparison is an experiment of its own without nested runs, so that MLflow's charts show all cells at once.
    Curves are there twice: under curves/ by epoch, and under by_cost/ by forward-equivalents, in hundredths of an epoch
    on all records, so that arms of different cost can be laid over each other.
    """
    quieten()
    from flows.tracking.store import Store  # takes seconds to import, and must come after `quieten`

    store = Store(
        tracking_uri(place.path), f"{place.path.name}, comparison {name}", artifact_root(place.path)
    )
    tags = context.code_tags()
    if context.prefect_flow_run:
        tags["prefect_flow_run"] = context.prefect_flow_run
    for cell in cells:
        _log(store, cell, tags)


def _log(store: "Store", cell: FinishedCell, tags: dict[str, str]) -> None:
    content = cell.content
    key = f"cell {cell.arm} {content['cell']['key']}"  # two arms may have the same settings
    for run in store.find({KEY: key}):
        if store.is_finished(run):
            return
        store.delete(run.info.run_id)
    own = {KEY: key, "arm": cell.arm, "seed": str(cell.seed), "backbone": cell.backbone}
    run_id = store.create(f"{cell.arm}, seed {cell.seed}", {**tags, **own})
    params = flatten(
        {name: content["cell"][name] for name in ("arm", "backbone", "seed", "preset", "selection")}
    )
    store.log(run_id, params={name: str(value) for name, value in params.items()})
    metrics = numbers(content["metrics"], cell.file)
    metrics |= numbers(content["cost"], cell.file, "cost")
    store.log(run_id, metrics=metrics)
    by_epoch = list(curves(cell))
    store.log_curves(run_id, by_epoch)
    store.log_curves(
        run_id,
        [
            (round(STEPS_PER_EPOCH * values["forward_equivalents"] / FORWARDS_PER_EPOCH), values)
            for _, values in by_epoch
        ],
        "by_cost",
    )
    store.log_files(run_id, {cell.file: "", cell.file.with_suffix(".npz"): ""})
    store.finish(run_id)
