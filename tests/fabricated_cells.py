"""Cells of a comparison as `tasks.cell` leaves them, made without a training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.compare.ledger import FinishedCell
from flows.compare.scores import HeldOutRecords, compare_arms
from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.classification import evaluate, rounded

EPOCHS = 3
RECORDS = 20
COUNTED = ("candidates", "kept", "dropped", "rescued")


def make_cell(
    folder: Path,
    arm: str,
    seed: int,
    targets: NDArray[np.bool_],
    *,
    skill: float,
    trained: tuple[int, ...] = (RECORDS,) * EPOCHS,
    focused: bool = False,
    detection: dict[str, float] | None = None,
) -> FinishedCell:
    """A cell whose predictions on the test records with `targets` (N, 5) are right by `skill` (0-1).

    `trained` are records per epoch, of 20; with `focused` the second epoch filtered, and dropped records 1 and 2.
    """
    random = np.random.default_rng([seed, len(arm)])
    test = (skill * targets + (1 - skill) * random.random(targets.shape)).astype(np.float16)
    thresholds = np.full(len(SUPERCLASSES), 0.5)
    scores = rounded(evaluate(test.astype(np.float64), targets, thresholds))
    spent = np.cumsum(trained)
    content = {
        "cell": {
            "arm": arm,
            "seed": seed,
            "backbone": "cnn_gru_flow",
            "preset": {"max_epochs": EPOCHS, "batch_size": 8},
            "selection": {"strategy": arm},
            "folds": {"train": [1], "validation": [9], "test": [8, 10]},
            "side_by_side": 1,
            "contamination": {"record_share": 0.15, "snr_db": [-6, 0], "label_share": 0.1, "seed": 1}
            if detection
            else None,
            "key": f"{arm}{seed}",
            "out": "x",
        },
        "best_epoch": 1,
        "cost": {
            "effective_epochs": spent[-1] / RECORDS,
            "forward_equivalents": 3 * spent[-1] / RECORDS,
            "scored": 0,
            "mapped": 0,
            "share_above": 0.0,
            "wall_seconds": 60.0 * spent[-1],
            "cpu_seconds": 30.0 * spent[-1],
        },
        "thresholds": dict.fromkeys(SUPERCLASSES, 0.5),
        "metrics": {"validation": scores, "test": scores},
        "epochs": [_epoch(k, trained[k], int(spent[k]), focused) for k in range(EPOCHS)],
        "most_dropped": [
            {"ecg_id": ecg_id, "dropped": 3 - ecg_id, "considered": 3, "kept": 1} for ecg_id in (1, 2)
        ]
        if focused
        else [],
        "detection": detection,
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{arm}-seed{seed}.json"
    file.write_text(json.dumps(content))
    tallies = {name: np.zeros(RECORDS) for name in ("kept", "dropped", "considered", "difficulty", "focus")}
    if focused:  # 3 - ecg_id times, as `most_dropped` has it
        tallies["dropped"][:2], tallies["considered"][:2] = (2, 1), 3
    np.savez(file.with_suffix(".npz"), validation=test, test=test, **tallies)
    return FinishedCell.read(file)


def _epoch(epoch: int, trained: int, spent: int, focused: bool) -> dict[str, Any]:
    filtered = focused and epoch == 1
    counts = {"candidates": trained + 2 * filtered, "kept": trained, "dropped": 2 * filtered, "rescued": 0}
    return {
        "epoch": epoch,
        "phase": "filtered" if filtered else "full" if trained == RECORDS else "undecided",
        "train_loss": 0.5,
        "val_loss": 0.6,
        "val_f1_macro": 0.4 + 0.1 * epoch,
        "trained": trained,
        **counts,
        **{f"{name}_{superclass}": 0 for name in COUNTED for superclass in SUPERCLASSES},
        "unscorable": 0,
        "zero_maps": 0.25 if filtered else None,
        "never_kept": 2,
        "same_as_before": 0.5,
        "effective_epochs": spent / RECORDS,
        "forward_equivalents": 3 * spent / RECORDS,
        "scored": 0,
        "mapped": 0,
        **{f"focus_{k:02d}": (k if filtered else 0) for k in range(20)},
    }


def scores_of(cells: list[FinishedCell], place: Workspace) -> pd.DataFrame:
    """Of cells, a row for each arm."""
    return compare_arms(cells, HeldOutRecords.of(place), place.params().compare, "full").set_index("arm")
