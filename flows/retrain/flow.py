"""`veribeat retrain` as a Prefect flow: one update of a workspace's model, from the inbox to the registry."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.dvc_engine import StageFailed, repair_after_kill
from flows.pipeline import INPUT_ERROR, run_stage_to_end
from flows.provenance import git_state
from flows.release.record import Making
from flows.release.signature import load_private_key
from flows.release.stages import leading_to
from flows.retrain import registry, steps
from flows.retrain.ledger import Decision, TakenBatch, Update, champion_of
from flows.retrain.page import write_retraining_page
from flows.retrain.refusal import way_out
from flows.tracking.context import RunContext
from flows.workspace import Workspace
from tasks.installed_versions import check_versions
from veribeat.errors import InputError

NOTHING_NEW = "NothingNew"
"""Name of the state of a run that found nothing to do."""

_step = task(persist_result=False, cache_policy=NO_CACHE)  # the ledger is the cache


@_step
def screen(
    place: Workspace, update: Update, batch: TakenBatch, earlier: tuple[TakenBatch, ...]
) -> str | None:
    """Quarantine what cannot be used of a batch, and compare the rest with what the champion learnt from."""
    return steps.screen(place, update, batch, earlier, get_run_logger().info)


@_step
def extend(place: Workspace, update: Update, batches: tuple[TakenBatch, ...]) -> None:
    """Make a new version of the cohort."""
    steps.extend(place, update, batches)


@_step
def decide(
    place: Workspace, update: Update, refused: dict[str, str], context: RunContext, key: Path | None
) -> Decision:
    """Hold the challenger against the limits of acceptance."""
    decision = steps.judge(place, update, refused)
    if decision.accepted:
        # First the release, then the decision: a decision for a release that is not there would decide nothing.
        making = Making(
            _now(),
            context.git_sha,
            bool(context.git_dirty),
            registry.run_to_be(place, update),
            context.prefect_flow_run,
            context.other_versions,
        )
        steps.release(place, update, refused, making, None if key is None else load_private_key(key))
    update.decide(decision)
    return decision


@_step
def log_and_promote(place: Workspace, update: Update, context: RunContext) -> None:
    """Log the update to MLflow, and let the registry's alias follow the champion."""
    run_id = registry.log_update(place, update, context)
    champion = champion_of(place.path)
    if champion is not None:
        registry.promote(place, champion, run_id)


@flow(name="retrain", persist_result=False)
def retrain(workspace: Path, allow_other_versions: bool = False, key: Path | None = None) -> State[Any]:
    """Finish the update that was cut short, or make the next one: the first champion, or a batch of the inbox.

    A release is signed by the private key in the file `key`, if there is one.

    The final state's data is the retraining page; its name is NothingNew when there was nothing to do. Ends in the
    failed state `InputError`, whose message is one sentence, for bad input, a busy workspace or unpinned versions, and
    in a plain failed state when a step fails otherwise; the next run then goes on where this one stopped.
    """
    try:
        versions = check_versions(allow_others=allow_other_versions)
        if key is not None:
            load_private_key(key)  # that it cannot be used would else be found out after the training
        place = Workspace.at(workspace)
        if place.params().judged is None:
            raise InputError(
                f"{place.params_file}: 'retrain.challenger' is null: name the arm that updates train, or make a"
                " workspace with 'veribeat init --retrain'."
            )
        with place.lock():
            return _retrain(place, versions, key)
    except InputError as error:
        return Failed(name=INPUT_ERROR, message=str(error))
    except StageFailed as error:
        return Failed(message=str(error))


def _retrain(place: Workspace, versions: tuple[str, ...], key: Path | None) -> State[Any]:
    logger = get_run_logger()
    place.check_cohort()
    repair_after_kill(place.path, logger.warning)
    update = steps.next_update(place, _now())
    if update is None:
        message = "The inbox is empty."
        if champion_of(place.path) is None:
            message = "The first champion was refused, and nothing has changed since."
        return Completed(name=NOTHING_NEW, message=message, data=write_retraining_page(place))
    logger.info("update %s (%s): %s", update.name, update.kind, ", ".join(b.name for b in update.batches))
    if update.decision is None:
        # Before the first stage: another process may have to end what this one began.
        update.add_versions(versions)
    git = git_state()
    context = RunContext(str(flow_run.get_id()), git.sha, {}, git.dirty, update.other_versions)
    if update.decision is None:
        try:
            _challenge(place, update, context, key)
        except InputError as error:
            raise InputError(f"{error}{way_out(update)}") from error
    log_and_promote(place, update, context)
    steps.settle(place, update, _now(), logger.warning)
    decision = update.decision
    assert decision is not None
    outcome = f"release {decision.release} is champion" if decision.accepted else "the champion stays"
    reasons = "".join(f"; {reason}" for reason in decision.reasons)
    return Completed(message=f"Update {update.name}: {outcome}{reasons}", data=write_retraining_page(place))


def _challenge(place: Workspace, update: Update, context: RunContext, key: Path | None) -> None:
    """From the inbox to a decision."""
    reasons: dict[TakenBatch, str | None] = {}
    for batch in update.batches:
        earlier = tuple(other for other, reason in reasons.items() if reason is None)
        reasons[batch] = screen(place, update, batch, earlier)
    refused = {batch.name: reason for batch, reason in reasons.items() if reason is not None}
    usable = tuple(batch for batch, reason in reasons.items() if reason is None)
    if update.kind == "update" and not usable:
        update.decide(Decision(None, tuple(refused.values()), tuple(refused)))
        return
    extend(place, update, usable)
    for stage in leading_to(place, ["challenge"]):
        run_stage_to_end(place.path, stage)
        if stage == "ingest":
            steps.check_ingested(place, update, usable)
    decide(place, update, refused, context, key)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
