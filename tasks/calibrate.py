"""Stage `calibrate-ARM`: decision thresholds from validation, metrics on validation and test."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.inference import load_backbone, predict_probabilities
from models.runtime import make_deterministic
from tasks.params.calibrate import CalibrateParams
from tasks.params.cohort import CohortParams
from tasks.params.reading import read_section
from tasks.params.train import ArmParams, ComputeParams
from tasks.stage import OUT, output_folder, run, write_json
from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.classification import Json, auroc_by_class, evaluate, roc_points, rounded
from veribeat.metrics.error_patterns import error_patterns
from veribeat.metrics.thresholds import calibrate_thresholds, predict_labels
from veribeat.plots.curves import loss_curve, roc_curves
from veribeat.plots.style import save_png

PROBABILITIES = [f"p_{name}" for name in SUPERCLASSES]
TARGETS = [f"y_{name}" for name in SUPERCLASSES]
ROC_POINTS = 200
"""Most points per class in roc.csv: enough for a smooth plot, small enough to be compared as text."""
SIMULATED_BANNER = "simulated cohort"


@dataclass(frozen=True)
class Evaluation:
    """What the predictions of one model come to."""

    thresholds: dict[str, float]
    metrics: Json  # per set of records: validation, test, and each test fold
    roc: pd.DataFrame  # of the validation records
    auroc: dict[str, float | None]  # of the validation records
    error_patterns: pd.DataFrame  # of the test records, at 0.5 as in [CF] Table 5 and at the thresholds


def calibrate(
    ingest: Path,
    split: Path,
    trained: Path,
    out: Path,
    params: CalibrateParams,
    backbone: str,
    threads: int,
    banner: str | None = None,
) -> None:
    """Write thresholds (classifier.json), metrics, predictions, ROC, error patterns and figures of one arm.

    Args:
        ingest: folder with signals.npy and records.parquet.
        split: folder with roles.parquet.
        trained: folder with model.pt, history.csv and training.json.
        out: an existing empty folder.
        params: grid step of the threshold sweep.
        backbone: name of the backbone that model.pt belongs to.
        threads: of torch.
        banner: a line on every figure, such as "simulated cohort".
    """
    make_deterministic(threads)
    roles = pd.read_parquet(split / "roles.parquet")
    records = pd.read_parquet(ingest / "records.parquet", columns=["ecg_id", *SUPERCLASSES])
    predictions = _predict(ingest / "signals.npy", records, roles, trained / "model.pt", backbone)
    result = evaluate_predictions(predictions, roles, params)

    predictions.to_parquet(out / "predictions.parquet", index=False)
    write_json(out / "metrics.json", rounded(result.metrics))
    write_json(
        out / "classifier.json",
        {
            "backbone": backbone,
            "classes": SUPERCLASSES,
            "leads": LEADS,
            "record_samples": RECORD_SAMPLES,
            "sampling_rate": SAMPLING_RATE,
            "thresholds": result.thresholds,
        },
    )
    result.roc.to_csv(out / "roc.csv", index=False, float_format="%.6f", lineterminator="\n")
    result.error_patterns.to_csv(
        out / "error_patterns.csv", index=False, float_format="%.2f", lineterminator="\n"
    )
    _draw(result, trained, out / "figures", banner)


def evaluate_predictions(
    predictions: pd.DataFrame, roles: pd.DataFrame, params: CalibrateParams
) -> Evaluation:
    """Return thresholds from the validation records and what they give on validation and test.

    Args:
        predictions: ecg_id, fold, p_NORM .. p_HYP, y_NORM .. y_HYP of the validation and test records.
        roles: ecg_id and the boolean columns validation and test.
        params: grid step of the threshold sweep.

    Raises:
        InputError: a validation or test record has no prediction, a class has no positive validation record.
    """
    validation, test = (_of_role(predictions, roles, role) for role in ("validation", "test"))
    thresholds = calibrate_thresholds(validation[PROBABILITIES], validation[TARGETS], params.step)
    sets = {"validation": validation, "test": test}
    sets |= {f"fold_{fold:02d}": records for fold, records in test.groupby("fold")}
    return Evaluation(
        thresholds=dict(zip(SUPERCLASSES, thresholds.tolist(), strict=True)),
        metrics={
            name: evaluate(records[PROBABILITIES], records[TARGETS], thresholds)
            for name, records in sets.items()
        },
        roc=roc_points(validation[PROBABILITIES], validation[TARGETS], most=ROC_POINTS),
        auroc=auroc_by_class(validation[PROBABILITIES], validation[TARGETS]),
        error_patterns=_error_patterns(test, thresholds),
    )


def _error_patterns(test: pd.DataFrame, thresholds: NDArray[np.float64]) -> pd.DataFrame:
    """At 0.5, to be set beside [CF] Table 5, and at the calibrated thresholds, which is what users get."""
    cuts = {"at_half": np.full(len(SUPERCLASSES), 0.5), "calibrated": thresholds}
    tables = {
        name: error_patterns(test[TARGETS], predict_labels(test[PROBABILITIES], cut))
        for name, cut in cuts.items()
    }
    return pd.concat(tables, names=["thresholds"]).reset_index(level="thresholds")


def _predict(
    signals_path: Path, records: pd.DataFrame, roles: pd.DataFrame, weights: Path, backbone: str
) -> pd.DataFrame:
    """Probabilities and targets of the validation and test records, in the order of the signals."""
    signals = np.load(signals_path, mmap_mode="r")
    if not len(signals) == len(records) == len(roles) or not records["ecg_id"].equals(roles["ecg_id"]):
        raise InputError(
            "The signals, records and roles are not of the same cohort; run ingest and split again."
        )
    used = roles[roles["validation"] | roles["test"]]
    rows = used["row"].to_numpy(dtype=np.int64)
    probabilities = predict_probabilities(load_backbone(backbone, weights), signals, rows)
    predictions = used[["ecg_id", "fold"]].reset_index(drop=True)
    predictions[PROBABILITIES] = probabilities
    predictions[TARGETS] = records.iloc[rows][list(SUPERCLASSES)].to_numpy(dtype=bool)
    return predictions


def _of_role(predictions: pd.DataFrame, roles: pd.DataFrame, role: str) -> pd.DataFrame:
    wanted = roles.loc[roles[role], "ecg_id"]
    missing = wanted[~wanted.isin(predictions["ecg_id"])]
    if len(missing):
        raise InputError(f"{len(missing)} {role} records (such as {missing.iloc[0]}) have no prediction.")
    return predictions[predictions["ecg_id"].isin(wanted)]


def _draw(result: Evaluation, trained: Path, folder: Path, banner: str | None) -> None:
    folder.mkdir()
    history = pd.read_csv(trained / "history.csv")
    best_epoch = json.loads((trained / "training.json").read_text(encoding="utf-8"))["best_epoch"]
    save_png(loss_curve(history, best_epoch, banner), folder / "loss.png")
    save_png(roc_curves(result.roc, result.auroc, banner=banner), folder / "roc.png")


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (name,) = sys.argv[1:]
    params = read_section(CalibrateParams, "calibrate")
    cohort = read_section(CohortParams, "cohort")
    backbone = read_section(ArmParams, "arms", name).backbone
    threads = read_section(ComputeParams, "compute").threads
    banner = SIMULATED_BANNER if cohort.simulated else None
    with output_folder(f"calibrate-{name}") as out:
        calibrate(
            OUT / "ingest", OUT / "split", OUT / f"train-{name}", out, params, backbone, threads, banner
        )


if __name__ == "__main__":
    run(main)
