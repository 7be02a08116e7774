"""What goes into a release of an arm."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from flows.folders import new_folder
from flows.release.manifest import write_manifest
from flows.release.reading import SELECTION_LOG
from flows.tracking.lock import LOCK_FILE
from flows.workspace import Workspace
from tasks.params.reading import PARAMS_FILE
from tasks.stages import RELEASES
from tasks.train import LEARNT

STATE = (str(PARAMS_FILE), "dvc.yaml", LOCK_FILE)
"""What a workspace is brought back to a release by; the rest is in DVC's cache."""

COHORT = ("ingest/card.json", "ingest/quarantine.csv", "split/normalisation.json")
OF_ARM = {
    "train-{arm}": ("model.pt", "training.json", "history.csv", "selection.csv"),
    "calibrate-{arm}": (
        "classifier.json",
        "metrics.json",
        "intervals.csv",
        "subgroups.csv",
        "error_patterns.csv",
        "reliability.csv",
    ),
}
OF_CHALLENGE = {
    "prototypes": ("prototypes.csv", "prototypes.json"),
    "donors": ("donors.csv", "donors.json"),
    "challenge": ("acceptance.csv", "scores.csv", "challenge.json"),
}
"""Prototypes by ecg_id and digest: no recording of a patient leaves the workspace with a release."""


def release_folder(workspace: Path, name: str) -> Path:
    """Where the release `name` of a workspace is."""
    return workspace / RELEASES / name


def write_release(place: Workspace, arm: str, name: str, files: Mapping[str, Path]) -> Path:
    """Copy what the stages wrote for `arm`, the workspace's state and `files` (path in the release -> source).

    The release appears whole, with its manifest. Raises InputError when it exists, OSError when an output is missing.
    """
    out = place.path / "out"
    folder = release_folder(place.path, name)
    with new_folder(folder) as scratch:
        outputs = {stage.format(arm=arm): names for stage, names in {**OF_ARM, **OF_CHALLENGE}.items()}
        sources = [out / file for file in COHORT]
        sources += [out / stage / file for stage, names in outputs.items() for file in names]
        for source in sources:
            shutil.copyfile(source, scratch / source.name)
        for state in STATE:
            shutil.copyfile(place.path / state, scratch / state)
        log = selection_log(out, arm)
        log.to_csv(scratch / SELECTION_LOG, index=False, float_format="%.4f", lineterminator="\n")
        known = learnt_by(place, log)
        pd.DataFrame({"ecg_id": known}).to_csv(scratch / LEARNT, index=False, lineterminator="\n")
        for target, source in files.items():
            (scratch / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, scratch / target)
        write_manifest(scratch)
    return folder


def selection_log(out: Path, arm: str) -> pd.DataFrame:
    """A row per training record: ecg_id, and what `samples.csv` says of it."""
    samples = pd.read_csv(out / f"train-{arm}" / "samples.csv")
    ecg_ids = pd.read_parquet(out / "ingest" / "records.parquet", columns=["ecg_id"])["ecg_id"].to_numpy()
    samples.insert(0, "ecg_id", ecg_ids[samples.pop("row").to_numpy()])
    return samples


def learnt_by(place: Workspace, log: pd.DataFrame) -> list[int]:
    """ecg_id of all that the model has learnt from: in this training, and what the champion that it began with had."""
    known = set(log["ecg_id"].tolist())
    champion = place.params().retrain.champion
    if champion is not None:
        known |= set(pd.read_csv(release_folder(place.path, champion) / LEARNT)["ecg_id"].tolist())
    return sorted(known)
