import json

import numpy as np
import pandas as pd
import pytest
import torch

from models.backbones.registry import build_backbone
from models.inference import load_backbone, predict_probabilities
from tasks.calibrate import PROBABILITIES, TARGETS, calibrate, evaluate_predictions
from tasks.params.calibrate import BootstrapParams, CalibrateParams
from tasks.params.reading import parse
from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.classification import rounded

PARAMS = CalibrateParams(step=0.001, bootstrap=BootstrapParams(resamples=100), smallest_subgroup=10)
FILES = (
    "classifier.json",
    "error_patterns.csv",
    "figures/loss.png",
    "figures/reliability.png",
    "figures/roc.png",
    "intervals.csv",
    "metrics.json",
    "predictions.parquet",
    "reliability.csv",
    "roc.csv",
    "subgroups.csv",
)


def cohort(records=120, seed=5):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"ecg_id": np.arange(1, records + 1) * 3, "fold": np.tile(np.arange(1, 11), records // 10)}
    )
    table = table.astype({"ecg_id": "int64", "fold": "int8"})
    table["patient_id"] = table["ecg_id"] // 6  # two records each, here and there
    table["age"] = np.where(np.arange(records) % 9 == 0, np.nan, 20.0 + np.arange(records) % 70)
    table["sex"] = (np.arange(records) % 2).astype("int8")
    table["device"] = np.where(np.arange(records) % 8 == 1, "AT-6 C", "CS-12")
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
    probabilities = np.clip(0.3 + 0.3 * y + noise, 0, 1).astype(np.float32)
    return predictions_of(table, probabilities), roles, table


def test_thresholds_depend_on_validation_records_only():
    predictions, roles, table = informed_predictions()
    changed = predictions.copy()
    changed.loc[changed["fold"] != 9, PROBABILITIES] = 0.99
    first, second = (evaluate_predictions(p, roles, table, PARAMS) for p in (predictions, changed))
    assert first.thresholds == second.thresholds
    assert list(first.thresholds) == list(SUPERCLASSES)
    assert first.metrics["validation"] == second.metrics["validation"]
    assert first.metrics["test"] != second.metrics["test"]


def test_metrics_cover_validation_test_and_each_test_fold():
    predictions, roles, table = informed_predictions()
    metrics = evaluate_predictions(predictions, roles, table, PARAMS).metrics
    assert {name: block["records"] for name, block in metrics.items()} == {
        "validation": 12,
        "test": 24,
        "fold_08": 12,
        "fold_10": 12,
    }
    folds = [metrics[name]["calibrated"]["hamming_loss"] for name in ("fold_08", "fold_10")]
    assert metrics["test"]["calibrated"]["hamming_loss"] == pytest.approx(np.mean(folds))


def test_records_of_a_test_fold_without_the_role_are_left_out():
    predictions, roles, table = informed_predictions()
    roles.loc[roles["fold"] == 8, "test"] = [False, *[True] * 11]
    metrics = evaluate_predictions(predictions, roles, table, PARAMS).metrics
    assert metrics["fold_08"]["records"] == 11
    assert metrics["test"]["records"] == 23


def test_error_patterns_are_of_the_test_records_at_both_cuts():
    table, roles = cohort()
    targets = table[list(SUPERCLASSES)].to_numpy()
    # 0.4 against 0.2: perfect at a calibrated threshold, all negative at 0.5
    predictions = predictions_of(table, np.where(targets, 0.4, 0.2))
    result = evaluate_predictions(predictions, roles, table, PARAMS)
    assert set(result.thresholds.values()) == {0.201}
    assert set(result.error_patterns["thresholds"]) == {"at_half"}
    assert set(result.error_patterns["predicted"]) == {"none"}
    labelled = targets.any(axis=1)
    for records, folds in {"test": (8, 10), "fold_08": (8,), "fold_10": (10,)}.items():
        found = result.error_patterns[result.error_patterns["records"] == records]
        assert found["count"].sum() == (labelled & roles["fold"].isin(folds)).sum()
        assert found["percent"].sum() == pytest.approx(
            100 * found["count"].sum() / roles["fold"].isin(folds).sum()
        )
    assert result.error_patterns["records"].drop_duplicates().tolist() == ["test", "fold_08", "fold_10"]


def test_every_set_of_records_has_intervals_around_its_own_metrics():
    predictions, roles, table = informed_predictions()
    result = evaluate_predictions(predictions, roles, table, PARAMS)
    sets = result.intervals["records"].drop_duplicates().tolist()
    assert sets == list(result.metrics) == ["validation", "test", "fold_08", "fold_10"]
    for row in result.intervals.itertuples():
        metric, _, name = row.metric.partition(".")
        value = result.metrics[row.records][row.block][metric]
        assert row.estimate == pytest.approx(value[name] if name else value)
    shuffled = table.sample(frac=1, random_state=0)
    again = evaluate_predictions(predictions, roles, shuffled, PARAMS)
    pd.testing.assert_frame_equal(again.intervals, result.intervals)


def test_records_of_one_patient_are_drawn_together():
    predictions, roles, table = informed_predictions()
    apart = table.assign(patient_id=np.arange(len(table)))
    one = table.assign(patient_id=1)  # every draw is this patient
    widths = []
    for records in (one, apart):
        intervals = evaluate_predictions(predictions, roles, records, PARAMS).intervals
        widths.append(intervals["high"] - intervals["low"])
    assert widths[0].max() == pytest.approx(0, abs=1e-12)
    assert (widths[1] > 0.01).mean() > 0.9


def test_subgroups_divide_the_test_records():
    predictions, roles, table = informed_predictions()
    subgroups = evaluate_predictions(predictions, roles, table, PARAMS).subgroups
    assert (subgroups.groupby("attribute")["records"].sum() == 24).all()
    assert list(subgroups["attribute"].unique()) == ["sex", "age", "device"]
    devices = subgroups[subgroups["attribute"] == "device"]
    assert devices["group"].tolist() == ["CS-12", "other"]


def test_a_record_without_prediction_is_an_error():
    predictions, roles, table = informed_predictions()
    lost = int(predictions.loc[predictions["fold"] == 8, "ecg_id"].iloc[0])
    with pytest.raises(InputError, match=f"1 test records \\(such as {lost}\\) have no prediction"):
        evaluate_predictions(predictions[predictions["ecg_id"] != lost], roles, table, PARAMS)


def test_a_class_missing_from_validation_is_an_error_but_missing_from_test_is_null():
    predictions, roles, table = informed_predictions()
    absent = predictions.copy()
    absent.loc[absent["fold"] == 9, "y_HYP"] = False
    with pytest.raises(InputError, match="HYP"):
        evaluate_predictions(absent, roles, table, PARAMS)
    absent = predictions.copy()
    absent.loc[absent["fold"] != 9, "y_HYP"] = False
    metrics = evaluate_predictions(absent, roles, table, PARAMS).metrics
    assert metrics["test"]["ranking"]["auroc_by_class"]["HYP"] is None
    assert metrics["test"]["ranking"]["classes_defined"] == 4


@pytest.mark.parametrize("step", [0.3, 0.0, 1.0, "0.001"])
def test_a_wrong_step_is_refused_by_name(step):
    with pytest.raises(InputError, match=r"calibrate\.step"):
        parse(CalibrateParams, {"step": step}, "calibrate")


@pytest.mark.parametrize(("key", "value"), [("resamples", 99), ("level", 1.0), ("seed", -1), ("draws", 5)])
def test_a_wrong_bootstrap_is_refused_by_name(key, value):
    with pytest.raises(InputError, match=rf"calibrate\.bootstrap\.{key}"):
        parse(CalibrateParams, {"step": 0.001, "bootstrap": {key: value}}, "calibrate")


@pytest.fixture
def torch_settings():
    """A stage owns its process and sets torch up for good; here other tests follow."""
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)


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
    result = evaluate_predictions(predictions, roles, records, PARAMS)
    assert classifier["thresholds"] == result.thresholds
    assert json.loads((out / "metrics.json").read_text()) == rounded(result.metrics)

    roc = pd.read_csv(out / "roc.csv")
    assert list(roc) == ["class", "false_positive_rate", "true_positive_rate"]
    patterns = pd.read_csv(out / "error_patterns.csv")
    assert list(patterns) == ["records", "thresholds", "true", "predicted", "count", "percent"]
    intervals = pd.read_csv(out / "intervals.csv")
    assert list(intervals) == ["records", "block", "metric", "estimate", "low", "high"]
    pd.testing.assert_frame_equal(intervals, result.intervals.reset_index(drop=True), atol=1e-6)
    reliability = pd.read_csv(out / "reliability.csv")
    assert (reliability.groupby("class")["records"].sum() == roles["test"].sum()).all()
    assert set(pd.read_csv(out / "subgroups.csv")["attribute"]) == {"sex", "age", "device"}


def test_inputs_of_different_cohorts_are_refused(workspace):
    roles = pd.read_parquet(workspace / "split" / "roles.parquet")
    roles["ecg_id"] += 1
    roles.to_parquet(workspace / "split" / "roles.parquet")
    with pytest.raises(InputError, match="not of the same cohort"):
        run_stage(workspace, "out")
