"""What goes into a release of an arm."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.folders import new_folder
from flows.json_text import json_text
from flows.release.documents.writing import write_documents
from flows.release.environment import environment, environment_lock
from flows.release.listings import write_listings
from flows.release.manifest import write_manifest
from flows.release.page import write_release_page
from flows.release.record import Making, provenance_document
from flows.release.sbom import bill_of_materials
from flows.release.signature import sign
from flows.release.stages import released_stages
from flows.tracking.lock import LOCK_FILE
from flows.workspace import Workspace
from tasks.params.reading import PARAMS_FILE
from tasks.stages import BATCHES, RELEASES

STATE = (str(PARAMS_FILE), "dvc.yaml", LOCK_FILE)
"""What a workspace is brought back to a release by; the rest is in DVC's cache."""

PROVENANCE, DECISION = "provenance.json", "decision.json"
ENVIRONMENT, ENVIRONMENT_LOCK, MATERIALS = "environment.json", "environment.txt", "sbom.cdx.json"
"""Where it comes from; why it was released; what it was made with."""

OUTPUTS = {
    "ingest": ("card.json", "quarantine.csv"),
    "split": ("normalisation.json",),
    "train-{arm}": ("model.pt", "training.json", "history.csv", "selection.csv"),
    "calibrate-{arm}": (
        "classifier.json",
        "metrics.json",
        "intervals.csv",
        "subgroups.csv",
        "error_patterns.csv",
        "reliability.csv",
    ),
    "challenge": ("acceptance.csv", "scores.csv", "challenge.json"),
    "prototypes": ("prototypes.csv", "prototypes.json"),
    "donors": ("donors.csv", "donors.json"),
    "counterfactuals": ("counterfactuals.json",),
}
"""Stage -> what of its outputs a release holds, where the release rests on that stage."""

WAVEFORMS = {"prototypes": ("prototypes.h5",), "donors": ("donors.h5",)}
"""Recordings of patients, which leave the workspace only where `release.waveforms` allows it."""


def release_folder(workspace: Path, name: str) -> Path:
    """Where the release `name` of a workspace is."""
    return workspace / RELEASES / name


def copied_outputs(release: Path, arm: str) -> dict[str, Path]:
    """Outputs, by their path in the workspace, of which a release holds copies -> the copy."""
    copies = {
        f"out/{stage.format(arm=arm)}/{name}": release / name
        for parts in (OUTPUTS, WAVEFORMS)
        for stage, names in parts.items()
        for name in names
    }
    return {path: copy for path, copy in copies.items() if copy.is_file()}


def write_release(
    place: Workspace,
    arm: str,
    name: str,
    files: Mapping[str, Path],
    decision: str,
    making: Making,
    key: Ed25519PrivateKey | None,
) -> Path:
    """Make the release `name` of `arm` from what the stages wrote and the workspace's state.

    Args:
        place: the workspace.
        arm: which model.
        name: of the release.
        files: what else goes into it, as path in the release -> source.
        decision: the text of decision.json.
        making: when and by what it is made.
        key: signs it; None leaves it unsigned.

    The release appears whole, with its manifest and signature. Raises InputError when it exists, OSError when an output
    is missing.
    """
    params = place.params()
    made = set(released_stages(place, arm))
    parts = [*OUTPUTS.items(), *(WAVEFORMS.items() if params.release.waveforms else ())]
    sources = {file: place.path / file for file in STATE}
    sources |= {
        file: place.path / "out" / stage.format(arm=arm) / file
        for stage, names in parts
        for file in names
        if stage.format(arm=arm) in made
    }
    batches = (f"{BATCHES}/{batch}.dvc" for batch in params.cohort.batches)
    sources |= {file: place.path / file for file in batches}
    texts = {
        PROVENANCE: provenance_document(place, arm, name, making),
        DECISION: decision,
        ENVIRONMENT: json_text(environment()),
        ENVIRONMENT_LOCK: environment_lock(),
        MATERIALS: bill_of_materials(making.commit),
    }
    folder = release_folder(place.path, name)
    with new_folder(folder) as scratch:
        for target, source in {**sources, **files}.items():
            (scratch / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, scratch / target)
        for target, text in texts.items():
            (scratch / target).write_text(text, encoding="utf-8")
        write_listings(scratch, place, arm, params.retrain.champion)
        write_documents(scratch)
        write_release_page(scratch)
        write_manifest(scratch)
        if key is not None:
            sign(scratch, key)
    return folder
