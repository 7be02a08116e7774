"""Stage `calibrate-ARM`: decision thresholds from validation, metrics with intervals on validation and test."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import DESCRIPTION, describe
from models.inference import load_backbone, predict_probabilities
from models.runtime import make_deterministic
from tasks.params.calibrate import CalibrateParams
from tasks.params.cohort import CohortParams
from tasks.params.reading import read_section
from tasks.params.train import ArmParams, ComputeParams
from tasks.stage import OUT, output_folder, run, write_json
from veribeat.conventions import SUPERCLASSES
from veribeat.data.demography import demographic_groups
from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap, bootstrap_intervals
from veribeat.metrics.calibration import reliability_bins
from veribeat.metrics.classification import Json, auroc_by_class, evaluate, roc_points, rounded
from veribeat.metrics.error_patterns import error_patterns
from veribeat.metrics.subgroups import subgroup_table
from veribeat.metrics.thresholds import calibrate_thresholds, predict_labels
from veribeat.plots.curves import loss_curve, roc_curves
from veribeat.plots.reliability import reliability_diagram
from veribeat.plots.style import SIMULATED_BANNER, save_png

PROBABILITIES = [f"p_{name}" for name in SUPERCLASSES]
TARGETS = [f"y_{name}" for name in SUPERCLASSES]
PATIENT = ["patient_id", "age", "sex", "device"]
"""What a subgroup or a bootstrap needs to know of a record."""
ROC_POINTS = 200
"""Most points per class in roc.csv: enough for a smooth plot, small enough to be compared as text."""


@dataclass(frozen=True)
class Evaluation:
    """What the predictions of one model come to."""

    thresholds: dict[str, float]
    metrics: Json  # per set of records: validation, test, and each test fold
    intervals: pd.DataFrame  # of the headline metrics of the same sets of records
    roc: pd.DataFrame  # of the validation records
    auroc: dict[str, float | None]  # of the validation records
    reliability: pd.DataFrame  # of the test records
    subgroups: pd.DataFrame  # of the test records, at the thresholds
    error_patterns: pd.DataFrame  # of test and each test fold, at 0.5 and at the thresholds


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
    """Write one arm's thresholds (classifier.json), predictions, metrics, their intervals, tables and figures.

    Args:
        ingest: folder with signals.npy and records.parquet.
        split: folder with roles.parquet.
        trained: folder with model.pt, history.csv and training.json.
        out: an existing empty folder.
        params: grid step of the threshold sweep, bootstrap, smallest subgroup.
        backbone: name of the backbone that model.pt belongs to.
        threads: of torch.
        banner: a line on every figure, such as "simulated cohort".
    """
    make_deterministic(threads)
    roles = pd.read_parquet(split / "roles.parquet")
    records = pd.read_parquet(ingest / "records.parquet", columns=["ecg_id", *PATIENT, *SUPERCLASSES])
    predictions = _predict(ingest / "signals.npy", records, roles, trained / "model.pt", backbone)
    result = evaluate_predictions(predictions, roles, records, params)

    predictions.to_parquet(out / "predictions.parquet", index=False)
    write_json(out / "metrics.json", rounded(result.metrics))
    write_json(out / DESCRIPTION, describe(backbone, result.thresholds))
    for name, table in {
        "intervals": result.intervals,
        "roc": result.roc,
        "reliability": result.reliability,
        "subgroups": result.subgroups,
    }.items():
        table.to_csv(out / f"{name}.csv", index=False, float_format="%.6f", lineterminator="\n")
    result.error_patterns.to_csv(
        out / "error_patterns.csv", index=False, float_format="%.2f", lineterminator="\n"
    )
    _draw(result, trained, out / "figures", banner)


def evaluate_predictions(
    predictions: pd.DataFrame, roles: pd.DataFrame, records: pd.DataFrame, params: CalibrateParams
) -> Evaluation:
    """Return thresholds from the validation records and what they give on validation and test.

    Args:
        predictions: ecg_id, fold, p_NORM .. p_HYP, y_NORM .. y_HYP of the validation and test records.
        roles: ecg_id and the boolean columns validation and test.
        records: ecg_id, patient_id, age, sex and device of at least these records.
        params: grid step of the threshold sweep, bootstrap, smallest subgroup.

    Raises:
        InputError: a validation or test record has no prediction, a class has no positive validation record.
    """
    described = predictions.merge(
        records[["ecg_id", *PATIENT]], on="ecg_id", how="left", validate="one_to_one"
    )
    validation, test = (_of_role(described, roles, role) for role in ("validation", "test"))
    thresholds = calibrate_thresholds(validation[PROBABILITIES], validation[TARGETS], params.step)
    folds = {f"fold_{fold:02d}": of_fold for fold, of_fold in test.groupby("fold")}
    sets = {"validation": validation, "test": test, **folds}
    bootstrap = Bootstrap(**params.bootstrap.model_dump())
    return Evaluation(
        thresholds=dict(zip(SUPERCLASSES, thresholds.tolist(), strict=True)),
        metrics={
            name: evaluate(of_set[PROBABILITIES], of_set[TARGETS], thresholds)
            for name, of_set in sets.items()
        },
        intervals=_of_sets(
            {
                name: bootstrap_intervals(
                    of_set[PROBABILITIES], of_set[TARGETS], of_set["patient_id"], thresholds, bootstrap
                )
                for name, of_set in sets.items()
            }
        ),
        roc=roc_points(validation[PROBABILITIES], validation[TARGETS], most=ROC_POINTS),
        auroc=auroc_by_class(validation[PROBABILITIES], validation[TARGETS]),
        reliability=reliability_bins(test[PROBABILITIES], test[TARGETS]),
        subgroups=subgroup_table(
            test[PROBABILITIES],
            test[TARGETS],
            test["patient_id"],
            demographic_groups(test, params.smallest_subgroup),
            thresholds,
            bootstrap,
        ),
        error_patterns=_of_sets(
            {name: _error_patterns(of_set, thresholds) for name, of_set in {"test": test, **folds}.items()}
        ),
    )


def _of_sets(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table; its first column, records, names the set of records that a row is about."""
    return pd.concat(tables, names=["records"]).reset_index(level="records")


def _error_patterns(of_set: pd.DataFrame, thresholds: NDArray[np.float64]) -> pd.DataFrame:
    """At 0.5, to be set beside [CF] Table 5, and at the calibrated thresholds, which is what users get."""
    cuts = {"at_half": np.full(len(SUPERCLASSES), 0.5), "calibrated": thresholds}
    tables = {
        name: error_patterns(of_set[TARGETS], predict_labels(of_set[PROBABILITIES], cut))
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
    save_png(reliability_diagram(result.reliability, banner), folder / "reliability.png")


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
