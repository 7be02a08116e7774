"""A trained arm as a folder that needs no workspace: weights, thresholds, metrics, and what they were made from."""

import shutil
from pathlib import Path

from flows.status import stage_states
from flows.workspace import Workspace
from veribeat.errors import InputError

TRAINED = ("model.pt", "training.json", "history.csv")
CALIBRATED = ("classifier.json", "metrics.json", "error_patterns.csv", "figures/loss.png", "figures/roc.png")
KEY = ("dvc.lock", "params.yaml")
"""Hashes of data, code and parameters: the proof of what was trained on what."""


def export_arm(place: Workspace, arm: str, folder: Path) -> None:
    """Copy an arm's model and results to `folder`, which `models.bundle.Classifier.load` reads.

    Raises InputError when `folder` exists, or the arm is not trained and calibrated with today's data, code and
    parameters: what is exported must be what dvc.lock says it is.
    """
    if arm not in place.params().arms:
        raise InputError(f"There is no arm '{arm}' in {place.params_file}.")
    stale = {stage: state for stage, state in stage_states(place).items() if state != "up to date"}
    for stage, state in stale.items():
        raise InputError(f"Stage '{stage}' is not up to date ({state}): run 'veribeat run' first.")
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another folder, or remove it first.")
    scratch = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    out = place.path / "out"
    sources = [out / f"train-{arm}" / name for name in TRAINED]
    sources += [out / f"calibrate-{arm}" / name for name in CALIBRATED]
    sources += [place.path / name for name in KEY]
    for source in sources:
        shutil.copyfile(source, scratch / source.name)
    scratch.replace(folder)
