"""The pipeline as a Prefect flow: one named task per stage, each a `dvc repro --single-item` of its own."""

import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.dvc_engine import Outcome, StageFailed, repair_after_kill, reproduce
from flows.provenance import RunRecord, StageRecord, git_state
from flows.report.page import read_content, write_report
from flows.report.run_page import write_run_folder
from flows.tracking.context import RunContext
from flows.tracking.projection import ProjectionResult, project
from flows.workspace import Workspace
from tasks.installed_versions import check_versions
from veribeat.errors import InputError

INPUT_ERROR = "InputError"
"""Name of the state in which a stage or flow ends when the user can put it right."""


@task(persist_result=False, cache_policy=NO_CACHE)  # the cache is DVC's
def run_stage(workspace: Path, stage: str) -> State[Any]:
    """Bring one stage up to date; ends in the state `Cached` where DVC had nothing to run."""
    logger = get_run_logger()
    try:
        outcome = reproduce(Workspace.at(workspace), stage, logger.info)
    except InputError as error:
        return Failed(name=INPUT_ERROR, message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))  # the stage's own traceback is in the lines above
    if outcome is Outcome.CACHED:
        return Completed(name="Cached", message="DVC found nothing to run.", data=outcome)
    return Completed(data=outcome)


def run_stage_to_end(workspace: Path, stage: str) -> Outcome:
    """The task `run_stage` under the stage's own name; raises what `raise_unless_completed` does."""
    named = run_stage.with_options(name=stage, task_run_name=stage)
    state: State[Any] = named(workspace, stage, return_state=True)
    raise_unless_completed(state, f"Stage '{stage}'")
    return Outcome.CACHED if state.name == "Cached" else Outcome.RAN


def raise_unless_completed(state: State[Any], what: str) -> None:
    """Raise InputError where the user can put right what a task ended with, and StageFailed for any other bad end.

    A crash is one, and so is a cancellation. `what` begins the sentence where the state has no message.
    """
    if state.is_completed():
        return
    if state.name == INPUT_ERROR:
        raise InputError(state.message or f"{what} found bad input.")
    raise StageFailed(state.message or f"{what} ended as {state.name}.")


@task(name="log-to-mlflow", persist_result=False, cache_policy=NO_CACHE)
def log_to_mlflow(workspace: Path, context: RunContext) -> ProjectionResult:
    """Project what the stages wrote to MLflow; logs nothing twice."""
    place = Workspace.at(workspace)
    return project(place.path, place.params(), place.stages(), context)


@flow(name="pipeline", persist_result=False)
def pipeline(workspace: Path, allow_other_versions: bool = False) -> State[Any]:
    """Run every stage of a workspace in order, then log to MLflow and write runs/<id>/ and report.html.

    The final state's data is the run's folder. Ends in the failed state `InputError`, whose message is one
    sentence, for bad input, a busy workspace or unpinned versions, and in a plain failed state when a stage
    fails otherwise.
    """
    try:
        versions = check_versions(allow_others=allow_other_versions)
        place = Workspace.at(workspace)
        with place.lock():
            return _run(place, versions)
    except InputError as error:
        return Failed(name=INPUT_ERROR, message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))


def _run(place: Workspace, other_versions: tuple[str, ...]) -> State[Any]:
    logger = get_run_logger()
    place.check_cohort()
    repair_after_kill(place.path, logger.warning)
    if place.write_dvc_yaml():
        logger.info("dvc.yaml brought up to date with params.yaml and the code")
    records: list[StageRecord] = []
    for stage in place.stages():
        started = time.monotonic()
        outcome = run_stage_to_end(place.path, stage.name)
        records.append(StageRecord(stage.name, outcome, (time.monotonic() - started) / 60))
    run_id = str(flow_run.get_id())
    git = git_state()
    minutes = {record.name: record.minutes for record in records if record.outcome is Outcome.RAN}
    logged = log_to_mlflow(place.path, RunContext(run_id, git.sha, minutes, git.dirty, other_versions))
    content = read_content(place)
    folder = write_run_folder(place, RunRecord(run_id, git, tuple(records), logged, other_versions), content)
    write_report(place, content)  # after the folder, which it lists; every stage is up to date
    return Completed(message=f"Results in {folder}", data=folder)
