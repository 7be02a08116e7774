"""Putting an earlier release back, by hand."""

from flows.dvc_engine import repair_after_kill
from flows.provenance import git_state
from flows.release.contents import release_folder
from flows.release.manifest import differences
from flows.retrain import cohort, registry, steps
from flows.retrain.ledger import Decision, begin, champion_of, updates
from flows.retrain.refusal import way_out
from flows.tracking.context import RunContext
from flows.workspace import Workspace
from veribeat.errors import InputError


def roll_back(place: Workspace, release: str, reason: str, now: str) -> None:
    """Make `release` the champion again: an update of its own in the ledger, with the reason.

    Cohort and outputs go back to it, and the registry's alias leads to it. Later batches stay in taken/.
    The caller holds the workspace's lock. Raises InputError, and changes nothing, when there is no such release, it is
    damaged, it is the champion already, its outputs are nowhere, or an update is unfinished.
    """
    known = updates(place.path)
    if known and not known[-1].done:
        way = way_out(known[-1])
        raise InputError(f"Update {known[-1].name} is unfinished: run 'veribeat retrain' first.{way}")
    folder = release_folder(place.path, release)
    releases = release_folder(place.path, "")
    # Not those of an update that was cut short, or refused by hand, before it was decided.
    champions = {update.decision.release for update in known if update.decision is not None}
    names = sorted(name for name in champions if name is not None and (releases / name).is_dir())
    if release not in names:
        raise InputError(f"There is no release '{release}', only {', '.join(names) or 'none at all'}.")
    if changed := differences(folder):
        name, state = next(iter(changed.items()))
        raise InputError(f"{folder / name} is {state}: restore the release from a backup.")
    champion = champion_of(place.path)
    if champion == release:
        raise InputError(f"Release {release} is the champion already.")
    cohort.check_can_be_restored(place, release)
    repair_after_kill(place.path, print)
    # Both at once: an update without a decision would be taken for one that is to train a challenger.
    update = begin(place.path, "rollback", (), champion, now, reason, Decision(release, (reason,)))
    git = git_state()
    run_id = registry.log_update(place, update, RunContext(None, git.sha, {}, git.dirty))
    registry.promote(place, release, run_id)
    steps.settle(place, update, now, print)
