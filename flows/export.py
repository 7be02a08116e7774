"""A trained arm as a folder that needs no workspace: weights, thresholds, metrics, and what they were made from."""

import shutil
from pathlib import Path

from flows.folders import new_folder
from flows.status import UP_TO_DATE, stage_states
from flows.workspace import Workspace
from veribeat.errors import InputError

COHORT = ("ingest/card.json", "split/normalisation.json")
TRAINED = ("model.pt", "training.json", "history.csv")
CALIBRATED = (
    "classifier.json",
    "metrics.json",
    "intervals.csv",
    "subgroups.csv",
    "error_patterns.csv",
    "reliability.csv",
    "figures/loss.png",
    "figures/roc.png",
    "figures/reliability.png",
)
KEY = ("dvc.lock", "params.yaml")
"""Hashes of data, code and parameters: the proof of what was trained on what."""


def export_arm(place: Workspace, arm: str, folder: Path) -> None:
    """Copy an arm's model and results to `folder`, which `models.bundle.Classifier.load` reads.

    Raises InputError when `folder` exists, or the arm is not trained and calibrated with today's data, code and
    parameters: what is exported must be what dvc.lock says it is.
    """
    params = place.params()
    if arm not in params.arms:
        raise InputError(f"{place.params_file} has no arm '{arm}', only {', '.join(sorted(params.arms))}.")
    others = {f"{kind}-{name}" for name in params.arms if name != arm for kind in ("train", "calibrate")}
    for stage, state in stage_states(place).items():
        if stage not in others and state != UP_TO_DATE:
            raise InputError(f"Stage '{stage}' is not up to date ({state}): run 'veribeat run' first.")
    out = place.path / "out"
    sources = [out / name for name in COHORT]
    sources += [out / f"train-{arm}" / name for name in TRAINED]
    sources += [out / f"calibrate-{arm}" / name for name in CALIBRATED]
    sources += [place.path / name for name in KEY]
    with new_folder(folder) as scratch:
        for source in sources:
            shutil.copyfile(source, scratch / source.name)
