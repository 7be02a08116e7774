"""A release of a workspace that nobody updates by `veribeat retrain`: made when its user says so."""

import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.addresses import without_password
from flows.dvc_engine import repair_after_kill
from flows.provenance import git_state
from flows.release.contents import release_folder, write_release
from flows.release.record import Making, decision_document
from flows.release.stages import released_stages
from flows.release.versions import versions_of_stages
from flows.status import UP_TO_DATE, stage_states
from flows.tracking.context import RunContext
from flows.tracking.projection import project
from flows.workspace import Workspace
from veribeat.errors import InputError


def release_by_hand(
    place: Workspace,
    name: str,
    arm: str,
    reason: str,
    versions: tuple[str, ...],
    key: Ed25519PrivateKey | None,
) -> Path:
    """Make the release `name` of `arm`, which is logged to MLflow if it was not yet; its folder.

    The caller holds the workspace's lock. `versions` are packages that are not as pinned now; those that were not when
    the stages ran are added from runs/. Raises InputError when the
    name cannot be one or is taken, the workspace is one for updates, there is no such arm, or a stage is not up to
    date: a release must be what dvc.lock says it is.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"'{name}' cannot name a release: begin with a letter, go on with letters, digits, '.', '_' and '-'."
        )
    if release_folder(place.path, name).exists():
        raise InputError(f"There is a release '{name}' already: choose another name.")
    params = place.params()
    if params.judged is not None:
        raise InputError(f"{place.path} is a workspace for updates: 'veribeat retrain' makes its releases.")
    if arm not in params.arms:
        raise InputError(f"{place.params_file} has no arm '{arm}', only {', '.join(sorted(params.arms))}.")
    repair_after_kill(place.path, print)
    states = stage_states(place)
    stages = released_stages(place, arm)
    for stage in stages:
        if states[stage] != UP_TO_DATE:
            raise InputError(
                f"Stage '{stage}' is not up to date ({states[stage]}): run 'veribeat run' first."
            )
    git = git_state()
    then = versions_of_stages(place.path, stages)
    versions = tuple(sorted({*versions, *then.others}))
    context = RunContext(None, git.sha, {}, git.dirty, versions)
    logged = project(place.path, params, place.stages(), context)
    mlflow: dict[str, str | None] = {
        "tracking_uri": without_password(logged.tracking_uri),
        "experiment": logged.experiment,
        "run_id": logged.children[arm],
        "tag": None,
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    making = Making(now, git.sha, git.dirty, mlflow, None, versions, then.unrecorded)
    decision = decision_document(name, "by hand", None, None, {}, reason)
    return write_release(place, arm, name, {}, decision, making, key)
