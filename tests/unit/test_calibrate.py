import json

import numpy as np
import pandas as pd
import pytest
import torch

from models.backbones.registry import build_backbone
from models.inference import load_backbone, predict_probabilities
from tasks.calibrate import PROBABILITIES, TARGETS, calibrate, evaluate_predictions
from tasks.params.calibrate import CalibrateParams
from tasks.params.reading import parse
from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.errors import InputError

PARAMS = CalibrateParams(step=0.001)
FILES = (
    "classifier.json",
    "error_patterns.csv",
    "figures/loss.png",
    "figures/roc.png",
    "metrics.json",
    "predictions.parquet",
    "roc.csv",
)


def cohort(records=120, seed=5):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"ecg_id": np.arange(1, records + 1) * 3, "fold": np.tile(np.arange(1, 11), records // 10)}
    )
    table = table.astype({"ecg_id": "int64", "fold": "int8"})
    for name in SUPERCLASSES:
        table[name] = rng.random(records) < 0.4
    roles = table[["ecg_id", "fold"]].copy()
    roles.insert(0, "row", np.arange(records))
    roles["validation"] = roles["fold"] == 9
    roles["test"] = roles["fold"].isin([8, 10])
    return table, roles


def predictions_of(table, probabilities):
    predictions = table[["ecg_id", "fold"]].copy()
    predictions[PROBABILITIES] = probabilities
    predictions[TARGETS] = table[list(SUPERCLASSES)].to_numpy()
    return predictions


def informed_predictions(seed=5):
    table, roles = cohort(seed=seed)
    y = table[list(SUPERCLASSES)].to_numpy()
    noise = np.random.default_rng(seed).normal(0, 0.2, y.shape)
    return predictions_of(table, np.clip(0.3 + 0.3 * y + noise, 0, 1).astype(np.float32)), roles


def test_thresholds_depend_on_validation_records_only():
    predictions, roles = informed_predictions()
    changed = predictions.copy()
    changed.loc[changed["fold"] != 9, PROBABILITIES] = 0.99
    first, second = (evaluate_predictions(p, roles, PARAMS) for p in (predictions, changed))
    assert first.thresholds == second.thresholds
    assert list(first.thresholds) == list(SUPERCLASSES)
    assert first.metrics["validation"] == second.metrics["validation"]
    assert first.metrics["test"] != second.metrics["test"]


def test_metrics_cover_validation_test_and_each_test_fold():
    predictions, roles = informed_predictions()
    metrics = evaluate_predictions(predictions, roles, PARAMS).metrics
    assert {name: block["records"] for name, block in metrics.items()} == {
        "validation": 12,
        "test": 24,
        "fold_08": 12,
        "fold_10": 12,
    }
    folds = [metrics[name]["calibrated"]["hamming_loss"] for name in ("fold_08", "fold_10")]
    assert metrics["test"]["calibrated"]["hamming_loss"] == pytest.approx(np.mean(folds))


def test_records_of_a_test_fold_without_the_role_are_left_out():
    predictions, roles = informed_predictions()
    roles.loc[roles["fold"] == 8, "test"] = [False, *[True] * 11]
    metrics = evaluate_predictions(predictions, roles, PARAMS).metrics
    assert metrics["fold_08"]["records"] == 11
    assert metrics["test"]["records"] == 23


def test_error_patterns_are_of_the_test_records_at_both_cuts():
    table, roles = cohort()
    targets = table[list(SUPERCLASSES)].to_numpy()
    # 0.4 against 0.2: perfect at a calibrated threshold, all negative at 0.5
    result = evaluate_predictions(predictions_of(table, np.where(targets, 0.4, 0.2)), roles, PARAMS)
    assert set(result.thresholds.values()) == {0.201}
    assert set(result.error_patterns["thresholds"]) == {"at_half"}
    assert set(result.error_patterns["predicted"]) == {"none"}
    labelled = int((targets.any(axis=1) & roles["test"]).sum())
    assert result.error_patterns["records"].sum() == labelled


def test_a_record_without_prediction_is_an_error():
    predictions, roles = informed_predictions()
    lost = int(predictions.loc[predictions["fold"] == 8, "ecg_id"].iloc[0])
    with pytest.raises(InputError, match=f"1 test records \\(such as {lost}\\) have no prediction"):
        evaluate_predictions(predictions[predictions["ecg_id"] != lost], roles, PARAMS)


def test_a_class_missing_from_validation_is_an_error_but_missing_from_test_is_null():
    predictions, roles = informed_predictions()
    absent = predictions.copy()
    absent.loc[absent["fold"] == 9, "y_HYP"] = False
    with pytest.raises(InputError, match="HYP"):
        evaluate_predictions(absent, roles, PARAMS)
    absent = predictions.copy()
    absent.loc[absent["fold"] != 9, "y_HYP"] = False
    metrics = evaluate_predictions(absent, roles, PARAMS).metrics
    assert metrics["test"]["ranking"]["auroc_by_class"]["HYP"] is None
    assert metrics["test"]["ranking"]["classes_defined"] == 4


@pytest.mark.parametrize("step", [0.3, 0.0, 1.0, "0.001"])
def test_a_wrong_step_is_refused_by_name(step):
    with pytest.raises(InputError, match=r"calibrate\.step"):
        parse(CalibrateParams, {"step": step}, "calibrate")


@pytest.fixture
def torch_settings():
    """A stage owns its process and sets torch up for good; here other tests follow."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def workspace(tmp_path, torch_settings):
    """A cohort of noise and an untrained model, as the earlier stages leave them."""
    table, roles = cohort(60)
    ingest, split, trained = (tmp_path / name for name in ("ingest", "split", "train"))
    for folder in (ingest, split, trained):
        folder.mkdir()
    signals = np.random.default_rng(0).normal(0, 300, (60, 1000, 12)).astype(np.int16)
    np.save(ingest / "signals.npy", signals)
    table.loc[table["fold"] == 9, list(SUPERCLASSES)] = np.arange(30).reshape(6, 5) % 2 == 0
    table.to_parquet(ingest / "records.parquet")
    roles.to_parquet(split / "roles.parquet")
    torch.manual_seed(0)
    torch.save(build_backbone("cnn_gru_flow").state_dict(), trained / "model.pt")
    history = pd.DataFrame({"epoch": [0, 1], "train_loss": [0.7, 0.6], "val_loss": [0.69, 0.7]})
    history.to_csv(trained / "history.csv", index=False)
    (trained / "training.json").write_text(json.dumps({"best_epoch": 0}))
    return tmp_path


def run_stage(workspace, name):
    out = workspace / name
    out.mkdir()
    folders = (workspace / folder for folder in ("ingest", "split", "train"))
    calibrate(*folders, out, PARAMS, "cnn_gru_flow", threads=1, banner="simulated cohort")
    return out


def test_the_stage_writes_its_files_and_the_same_bytes_again(workspace):
    first, second = run_stage(workspace, "first"), run_stage(workspace, "second")
    written = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    assert tuple(written) == FILES
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_what_the_stage_writes_fits_together(workspace):
    out = run_stage(workspace, "out")
    predictions = pd.read_parquet(out / "predictions.parquet")
    assert list(predictions) == ["ecg_id", "fold", *PROBABILITIES, *TARGETS]
    assert sorted(predictions["fold"].unique()) == [8, 9, 10]
    assert predictions["ecg_id"].is_monotonic_increasing

    records = pd.read_parquet(workspace / "ingest" / "records.parquet")
    rows = np.flatnonzero(records["ecg_id"].isin(predictions["ecg_id"]))
    assert (
        predictions[TARGETS].to_numpy().tolist() == records.loc[rows, list(SUPERCLASSES)].to_numpy().tolist()
    )
    signals = np.load(workspace / "ingest" / "signals.npy")
    direct = predict_probabilities(
        load_backbone("cnn_gru_flow", workspace / "train" / "model.pt"), signals, rows
    )
    assert np.array_equal(predictions[PROBABILITIES].to_numpy(), direct)

    classifier = json.loads((out / "classifier.json").read_text())
    assert classifier["classes"] == list(SUPERCLASSES)
    assert classifier["leads"] == list(LEADS)
    assert (classifier["sampling_rate"], classifier["record_samples"]) == (100, 1000)
    roles = pd.read_parquet(workspace / "split" / "roles.parquet")
    assert classifier["thresholds"] == evaluate_predictions(predictions, roles, PARAMS).thresholds

    roc = pd.read_csv(out / "roc.csv")
    assert list(roc) == ["class", "false_positive_rate", "true_positive_rate"]
    patterns = pd.read_csv(out / "error_patterns.csv")
    assert list(patterns) == ["thresholds", "true", "predicted", "records", "percent"]


def test_inputs_of_different_cohorts_are_refused(workspace):
    roles = pd.read_parquet(workspace / "split" / "roles.parquet")
    roles["ecg_id"] += 1
    roles.to_parquet(workspace / "split" / "roles.parquet")
    with pytest.raises(InputError, match="not of the same cohort"):
        run_stage(workspace, "out")
