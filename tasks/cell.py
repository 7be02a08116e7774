"""One cell of a comparison: an arm trained with a seed, and judged. A process of its own, outside of DVC.

`python -m tasks.cell CELL.json` in a workspace writes the files that the cell names; `flows.compare` makes cells.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.backbones.registry import build_backbone
from models.inference import predict_probabilities
from models.runtime import make_deterministic
from models.training import TrainingResult
from tasks.learning import LearningData, learn
from tasks.params.cell import Cell
from tasks.params.reading import parse
from tasks.stage import OUT, run, unchanged_code, write_json
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.classification import Json, evaluate, rounded
from veribeat.metrics.thresholds import calibrate_thresholds

MOST_DROPPED = 50
"""Records of a cell's ledger entry that its filter took out most often."""


def run_cell(cell: Cell, data: LearningData, judge: Callable[[pd.DataFrame], Json] | None = None) -> None:
    """Train and judge one cell; write CELL.npz (predictions, per-record tallies) and then CELL.json (all else).

    Thresholds come from the validation records, metrics from validation and test records. `judge` makes the block
    `detection` of what the training knows of its records (`SampleState.table`). The files appear whole, and the JSON
    file last, so that a cell with one is done.
    """
    make_deterministic(cell.preset.threads)
    delineated = OUT / "delineate" if cell.selection.needs_beats else None
    wall, cpu = time.perf_counter(), time.process_time()
    result = learn(data, cell.backbone, cell.preset, cell.selection, cell.seed, delineated)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    backbone = build_backbone(cell.backbone)
    backbone.load_state_dict(result.best_state)
    backbone.eval()
    records = pd.read_parquet(OUT / "ingest" / "records.parquet", columns=["ecg_id", *SUPERCLASSES])
    roles = pd.read_parquet(OUT / "split" / "roles.parquet")
    test_rows = roles.loc[roles["test"], "row"].to_numpy(dtype=np.int64)
    targets = records[list(SUPERCLASSES)].to_numpy(dtype=bool)
    validation, test = (
        predict_probabilities(backbone, data.signals, rows) for rows in (data.validation_rows, test_rows)
    )
    thresholds = calibrate_thresholds(validation, targets[data.validation_rows])
    content = {
        "cell": cell.model_dump(mode="json", exclude={"out"}),
        "best_epoch": result.best_epoch,
        "cost": {
            "effective_epochs": result.cost.effective_epochs,
            "forward_equivalents": result.cost.forward_equivalents / result.cost.records,
            "scored": result.cost.scored,
            "mapped": result.cost.mapped,
            "share_above": result.cost.share_above,
            "wall_seconds": wall,
            "cpu_seconds": cpu,
        },
        "thresholds": dict(zip(SUPERCLASSES, thresholds.tolist(), strict=True)),
        "metrics": rounded(
            {
                "validation": evaluate(validation, targets[data.validation_rows], thresholds),
                "test": evaluate(test, targets[test_rows], thresholds),
            }
        ),
        "epochs": _epochs(result),
        "most_dropped": _most_dropped(result, records["ecg_id"].to_numpy()[data.train_rows]),
        "detection": None if judge is None else rounded(judge(result.samples)),
    }
    stem = Path(cell.out)
    stem.parent.mkdir(parents=True, exist_ok=True)
    scratch = stem.with_name(f"{stem.name}.part.npz")
    arrays: dict[str, Any] = {str(name): values.to_numpy() for name, values in result.samples.items()}
    np.savez_compressed(scratch, validation=validation, test=test, **arrays)
    scratch.replace(stem.with_name(f"{stem.name}.npz"))
    scratch = stem.with_name(f"{stem.name}.part.json")
    write_json(scratch, content)
    scratch.replace(stem.with_name(f"{stem.name}.json"))


def _epochs(result: TrainingResult) -> list[dict[str, object]]:
    """History and selection of each epoch as one row; what is undefined is null."""
    rows = result.history.merge(result.selection, on="epoch", validate="one_to_one")
    return [
        {
            str(key): None if isinstance(value, float) and np.isnan(value) else value
            for key, value in row.items()
        }
        for row in rows.astype(object).to_dict("records")
    ]


def _most_dropped(result: TrainingResult, ecg_ids: NDArray[np.integer]) -> list[dict[str, int]]:
    samples = result.samples[["dropped", "considered", "kept"]].assign(ecg_id=ecg_ids)
    dropped = samples[samples["dropped"] > 0].sort_values(["dropped", "ecg_id"], ascending=[False, True])
    return [
        {str(name): int(value) for name, value in row.items()}
        for row in dropped.head(MOST_DROPPED).to_dict("records")
    ]


def read_cell() -> Cell:
    """The cell in the file named on the command line."""
    (file,) = sys.argv[1:]
    return parse(Cell, json.loads(Path(file).read_text(encoding="utf-8")), path=Path(file))


def main() -> None:
    """Run the cell in the file named on the command line."""
    with unchanged_code():
        run_cell(read_cell(), LearningData.read(OUT / "ingest", OUT / "split"))


if __name__ == "__main__":
    run(main)
