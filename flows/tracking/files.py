"""Which files of the stages a run holds, and where."""

from collections.abc import Iterable
from pathlib import Path

from flows.tracking.lock import Lock
from tasks.explanation_stages import REPORT_TABLES
from tasks.stage_description import Stage

EXPLANATIONS = ("attribute", "rules", "prototypes", "donors", "counterfactuals", "report")
"""The stages that explain one arm's predictions."""

_FOLDERS = {
    "train": "training",
    "calibrate": "evaluation",
    "ingest": "data",
    "split": "data",
    "delineate": "data",
    **{name: f"explanations/{name}" for name in EXPLANATIONS},
}
_FILES = {
    "train": ("training.json", "history.csv", "selection.csv"),
    "calibrate": (
        "classifier.json",
        "metrics.json",
        "intervals.csv",
        "subgroups.csv",
        "error_patterns.csv",
        "roc.csv",
        "reliability.csv",
    ),
    "ingest": ("card.json", "quarantine.csv"),
    "split": ("normalisation.json",),
    "delineate": ("delineate.json",),
    "attribute": ("attribute.json", "lead_importance.csv"),
    "rules": ("rules.json",),
    "prototypes": ("prototypes.h5", "prototypes.csv", "prototypes.json", "silhouettes.csv"),
    "donors": ("donors.h5", "donors.csv", "donors.json", "real_ranges.json"),
    "counterfactuals": ("counterfactuals.json",),
    "report": (*REPORT_TABLES, "discussion.md"),
}
"""Files that are logged as they are, besides figures. No file with a row per usable record is among them."""


def files_to_log(lock: Lock, stages: Iterable[Stage]) -> dict[Path, str]:
    """The files to log of `stages`, and the folder of the run that each goes to."""
    files = {}
    for stage in stages:
        kind = stage.name.partition("-")[0]
        for path in sorted(stage.outputs):
            name = path.removeprefix(f"{stage.folder}/")
            if name in _FILES[kind]:
                files[lock.verified(path)] = _FOLDERS[kind]
            elif name.startswith("figures/"):
                files[lock.verified(path)] = "figures"
    return files
