"""`veribeat compare` as a Prefect flow: one task per cell, each a process of its own, from a resumable ledger."""

import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.compare.cells import CellMaker, Comparison, needed_stages
from flows.compare.ledger import FinishedCell
from flows.compare.page import write_comparison
from flows.compare.run_cell import train_cell
from flows.compare.tracking import log_cells
from flows.dvc_engine import StageFailed, repair_after_kill
from flows.pipeline import INPUT_ERROR, raise_unless_completed, run_stage_to_end
from flows.provenance import git_state
from flows.tracking.context import RunContext
from flows.workspace import Workspace
from tasks.installed_versions import check_versions
from tasks.params.cell import Cell
from veribeat.errors import InputError


@task(persist_result=False, cache_policy=NO_CACHE)  # the ledger is the cache
def run_cell(workspace: Path, cell: Cell) -> State[Any]:
    """Train one cell, unless the ledger has it."""
    logger = get_run_logger()
    started = time.monotonic()
    try:
        if FinishedCell.found(workspace, cell) is not None:
            return Completed(name="Cached", message="The ledger has it.")
        train_cell(workspace, cell, lambda line: logger.info("%s, seed %d: %s", cell.arm, cell.seed, line))
    except InputError as error:
        return Failed(name=INPUT_ERROR, message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))
    return Completed(message=f"{(time.monotonic() - started) / 60:.1f} minutes")


@flow(name="compare", persist_result=False)
def compare(workspace: Path, comparison: Comparison, allow_other_versions: bool = False) -> State[Any]:
    """Train every cell of a comparison that the ledger lacks, log all to MLflow, and write the page.

    The final state's data is the page's path. Ends in the failed state `InputError`, whose message is one sentence, for
    bad input, a busy workspace or unpinned versions, and in a plain failed state when a training fails otherwise.
    """
    try:
        versions = check_versions(allow_others=allow_other_versions)
        place = Workspace.at(workspace)
        comparison.check(place.params())
        with place.lock():
            return _compare(place, comparison, versions)
    except InputError as error:
        return Failed(name=INPUT_ERROR, message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))


def _compare(place: Workspace, comparison: Comparison, versions: tuple[str, ...]) -> State[Any]:
    logger = get_run_logger()
    place.check_cohort()
    repair_after_kill(place.path, logger.warning)
    place.write_dvc_yaml()
    params = place.params()
    needed = needed_stages(params)
    for stage in place.stages():
        if stage.name in (*needed, "simulate"):
            run_stage_to_end(place.path, stage.name)
    maker = CellMaker(comparison, place)
    for wave in comparison.waves(params):
        _train(place, [maker.make(arm, seed) for seed in comparison.seeds for arm in wave], comparison)
    finished, missing = maker.all_finished()
    git = git_state()
    context = RunContext(str(flow_run.get_id()), git.sha, {}, git.dirty, versions)
    log_cells(place, comparison.name, finished, context)
    page = write_comparison(comparison.folder(place), finished, place, missing)
    return Completed(message=f"Comparison in {page}", data=page)


def _train(place: Workspace, cells: list[Cell], comparison: Comparison) -> None:
    """A few cells at a time; the first that fails ends the run when those beside it have ended."""
    for first in range(0, len(cells), comparison.side_by_side):
        some = cells[first : first + comparison.side_by_side]
        futures = [
            run_cell.with_options(task_run_name=f"{cell.arm}, seed {cell.seed}").submit(place.path, cell)
            for cell in some
        ]
        for cell, future in zip(some, futures, strict=True):
            future.wait()
            raise_unless_completed(future.state, f"The training of '{cell.arm}' with seed {cell.seed}")


def with_workers(side_by_side: int) -> Any:
    """The flow with so many cells at a time."""
    runner: Any = ThreadPoolTaskRunner(max_workers=side_by_side)
    return compare.with_options(task_runner=runner)
