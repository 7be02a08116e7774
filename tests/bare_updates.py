"""Updates, releases and a workspace for them, as far as bookkeeping goes: nothing is trained."""

import shutil
from pathlib import Path
from typing import Any

from bad_records import write_good_folder

from flows.release.contents import STATE, release_folder
from flows.release.manifest import write_manifest
from flows.retrain.ledger import Decision, TakenBatch, Update, begin, champion_of
from flows.workspace import RETRAINING, Workspace, create_workspace

NOW = "2026-01-01T00:00:00+00:00"


def release(workspace: Path, name: str, files: dict[str, str] | None = None) -> Path:
    """A complete release of one file, or of `files`."""
    folder = release_folder(workspace, name)
    for file, text in (files or {"model.pt": name}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    write_manifest(folder)
    return folder


def release_of_state(place: Workspace, name: str) -> None:
    """A release made in the workspace's present state."""
    release(place.path, name, {file: (place.path / file).read_text() for file in STATE} | {"model.pt": name})


def decided(workspace: Path, decision: Decision, *batches: TakenBatch, kind: Any = "update") -> Update:
    """An update of this decision that has ended."""
    update = begin(workspace, kind, batches, champion_of(workspace), NOW)
    update.decide(decision)
    update.write("done.json", {"ended": NOW})
    return update


def make_workspace(folder: Path) -> Path:
    """A workspace for updates on six records."""
    write_good_folder(folder / "data")
    create_workspace(folder / "study", folder / "data", RETRAINING)
    return folder / "study"


def with_champion(made: Path, folder: Path) -> Workspace:
    """A copy of such a workspace that has a champion: the release 0001, made in its present state."""
    place = Workspace.at(shutil.copytree(made, folder / "study", symlinks=True))
    (place.path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  gone:\n    cmd: python\n")
    release_of_state(place, "0001")
    decided(place.path, Decision("0001", ()), kind="first")
    return place
