"""Ending an update by hand that cannot go on."""

from flows.dvc_engine import repair_after_kill
from flows.provenance import git_state
from flows.release.contents import release_folder
from flows.release.manifest import is_complete
from flows.retrain import registry, steps
from flows.retrain.ledger import Decision, Update, champion_of, updates
from flows.tracking.context import RunContext
from flows.workspace import Workspace
from veribeat.errors import InputError


def way_out(update: Update) -> str:
    """What to add to a sentence about an unfinished update: that it can be ended; nothing where it cannot."""
    if update.decision is not None or not update.batches:
        return ""
    return " Or hold the batches back with 'veribeat refuse'."


def refuse(place: Workspace, reason: str, now: str) -> None:
    """End the unfinished update without a challenger: its batches are held back, and the champion stays.

    The caller holds the workspace's lock. Raises InputError when no update is unfinished, or what is left to do of it
    is the end that it has already been decided to have.
    """
    known = updates(place.path)
    if not known or known[-1].done:
        raise InputError("No update is unfinished, so there is nothing to refuse.")
    update = known[-1]
    if update.decision is not None or is_complete(release_folder(place.path, update.name)):
        raise InputError(
            f"Update {update.name} is decided already: run 'veribeat retrain' to bring it to its end."
        )
    repair_after_kill(place.path, print)
    update.decide(Decision(None, (reason,), tuple(batch.name for batch in update.batches)))
    git = git_state()
    run_id = registry.log_update(place, update, RunContext(None, git.sha, {}, git.dirty))
    champion = champion_of(place.path)
    if champion is not None:
        registry.promote(place, champion, run_id)
    steps.settle(place, update, now, print)
