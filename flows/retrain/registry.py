"""The model registry: a version for each release, and the alias that says which one serves."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from flows.addresses import without_password
from flows.provenance import file_digest
from flows.release.contents import release_folder
from flows.retrain.ledger import Update
from flows.tracking.context import RunContext
from flows.tracking.environment import artifact_root, quieten, tracking_uri
from flows.tracking.projection import KEY
from flows.workspace import Workspace
from models.bundle import DESCRIPTION, WEIGHTS

if TYPE_CHECKING:
    from flows.tracking.store import Store

ALIAS = "champion"

RELEASE = "release"
"""Tag of a model version: which release it is."""


def model_name(place: Workspace) -> str:
    """The registered model of a workspace; what MLflow refuses in a name, or would read as a quote, becomes "_"."""
    return re.sub(r"[^\w. -]", "_", f"veribeat-{place.path.name}")


def _store(place: Workspace) -> "Store":
    quieten()
    from flows.tracking.store import Store  # takes seconds to import, and must come after `quieten`

    return Store(tracking_uri(place.path), _experiment(place), artifact_root(place.path))


def _experiment(place: Workspace) -> str:
    return f"{place.path.name}, retraining"


def _key(update: Update) -> str:
    return f"update {update.name} {file_digest(update.folder / 'taken.json')}"


def run_to_be(place: Workspace, update: Update) -> dict[str, str | None]:
    """Where the run of an update will be found: a release is made before it is logged."""
    uri = without_password(tracking_uri(place.path))
    return {
        "tracking_uri": uri,
        "experiment": _experiment(place),
        "run_id": None,
        "tag": f"{KEY}={_key(update)}",
    }


def log_update(place: Workspace, update: Update, context: RunContext) -> str:
    """Log a decided update to MLflow, once, with its model if it was accepted; the id of its run."""
    store = _store(place)
    key = _key(update)
    for run in store.find({KEY: key}):
        if store.is_finished(run):
            return str(run.info.run_id)
        store.delete(run.info.run_id)  # a crash cut it short
    decision = update.decision
    assert decision is not None
    tags = {**context.code_tags(), KEY: key, "kind": update.kind, "accepted": str(decision.accepted).lower()}
    if context.prefect_flow_run:
        tags["prefect_flow_run"] = context.prefect_flow_run
    run_id = store.create(f"update {update.name}", tags)
    evidence = update.folder / "evidence"
    metrics = _scores(evidence / "scores.csv")
    store.log(
        run_id,
        params={
            "champion": str(update.champion),
            "batches": ", ".join(batch.name for batch in update.batches),
            "reasons": "; ".join(decision.reasons)[:5000],
        },
        metrics=metrics,
    )
    store.log_curves(run_id, [(int(update.name), metrics)], prefix="updates")
    files = sorted(path for path in update.folder.rglob("*.csv") if path.is_file())
    store.log_files(run_id, {file: str(file.parent.relative_to(update.folder)) for file in files})
    if update.kind != "rollback" and decision.release is not None:
        _log_model(place, store, run_id, decision.release)
    store.finish(run_id)
    return run_id


def _log_model(place: Workspace, store: "Store", run_id: str, release: str) -> None:
    from flows.tracking.model import log_model  # torch, too, takes seconds to import

    folder = release_folder(place.path, release)
    log_model(store, run_id, folder / WEIGHTS, folder / DESCRIPTION, {RELEASE: release})


def _scores(file: Path) -> dict[str, float]:
    if not file.is_file():
        return {}
    table = pd.read_csv(file)
    return {
        f"{row['set']}/{model}/{row['metric']}": float(row[model])
        for _, row in table.iterrows()
        for model in ("champion", "challenger")
        if pd.notna(row[model])
    }


def promote(place: Workspace, release: str, run_id: str) -> None:
    """Make the alias lead to the version of `release`, which is made if need be from the model that its run logged.

    `run_id` is the run of the update after which `release` is champion. Where that update did not make it, and the
    store has no version of it (another store than before, or one made anew), its model is logged with this run.
    Called again it changes nothing, so that a kill in between is made good by the next call.
    """
    store = _store(place)
    client, name = store.client, model_name(place)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    version = _version_of(client, name, release)
    if version is None:
        model = _logged_model(store, run_id, release)
        if model is None:
            _log_model(place, store, run_id, release)
            model = _logged_model(store, run_id, release)
        assert model is not None
        # Not by "models:/ID", which MLflow would look for in the store of its process-wide tracking URI.
        version = client.create_model_version(
            name, model.artifact_location, run_id, tags={RELEASE: release}, model_id=model.model_id
        ).version
    if served(place) != release:
        client.set_registered_model_alias(name, ALIAS, version)


def served(place: Workspace) -> str | None:
    """The release that the alias leads to; None where there is no alias."""
    client, name = _store(place).client, model_name(place)
    if not client.search_registered_models(f"name = '{name}'"):
        return None
    version = client.get_registered_model(name).aliases.get(ALIAS)
    return None if version is None else str(client.get_model_version(name, version).tags[RELEASE])


def _logged_model(store: "Store", run_id: str, release: str) -> Any:
    """What a run has logged of a release, whole; None where there is none."""
    found = store.client.search_logged_models([store.experiment_id], f"source_run_id = '{run_id}'")
    ready = (model for model in found if str(model.status) == "READY")
    return next((model for model in ready if model.params.get(RELEASE) == release), None)


def _version_of(client: Any, name: str, release: str) -> str | None:
    found = [
        version
        for version in client.search_model_versions(f"name = '{name}'")
        if version.tags.get(RELEASE) == release
    ]
    return found[0].version if found else None
