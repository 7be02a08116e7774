from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap, bootstrap_intervals, patient_weights, percentile_interval
from veribeat.metrics.calibration import calibration_error_by_chance, expected_calibration_error
from veribeat.metrics.classification import evaluate
from veribeat.metrics.weighted import weighted_scores

THRESHOLDS = np.array([0.4, 0.3, 0.5, 0.35, 0.2])
FEW = Bootstrap(resamples=200, level=0.95, seed=3)


def random_case(records, seed, steps=None):
    """Probabilities (on a grid of `steps`, so with ties) that know something of the targets, and the targets."""
    rng = np.random.default_rng(seed)
    y = rng.random((records, 5)) < (0.4, 0.25, 0.25, 0.2, 0.05)
    p = np.clip(rng.normal(0.3 + 0.3 * y, 0.2), 0, 1)
    return (np.round(p * steps) / steps if steps else p), y


def of_evaluate(p, y, thresholds, classes=SUPERCLASSES):
    """What `evaluate` says, under the keys of `weighted_scores`; None as NaN."""
    flat = {}
    for block in ("at_half", "calibrated", "ranking", "calibration"):
        for metric, value in evaluate(p, y, thresholds, classes)[block].items():
            parts = (
                {f"{metric}.{name}": one for name, one in value.items()} if isinstance(value, dict) else {}
            )
            flat |= {(block, key): one for key, one in (parts or {metric: value}).items()}
    return {key: np.nan if value is None else value for key, value in flat.items()}


def assert_equal_to_repeating(p, y, thresholds, weights, classes=SUPERCLASSES):
    scores = weighted_scores(p, y, thresholds, weights, classes)
    for column, weight in enumerate(weights.T):
        repeated = of_evaluate(p.repeat(weight, axis=0), y.repeat(weight, axis=0), thresholds, classes)
        for key, values in scores.items():
            expected = pytest.approx(repeated[key], rel=1e-12, abs=1e-12, nan_ok=True)
            assert values[column] == expected, key


@pytest.mark.parametrize(("records", "steps"), [(300, None), (300, 20), (40, 4), (7, 2)])
def test_weights_do_what_repeating_the_records_does(records, steps):
    p, y = random_case(records, seed=records, steps=steps)
    weights = np.random.default_rng(1).poisson(1, (records, 5))
    weights[0] += 1  # no column without any record
    assert_equal_to_repeating(p, y, THRESHOLDS, weights)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 6))
def test_weights_do_so_on_any_small_case(data, records):
    p = data.draw(hnp.arrays(float, (records, 2), elements=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])))
    y = data.draw(hnp.arrays(bool, (records, 2)))
    weights = data.draw(hnp.arrays(int, (records, 1), elements=st.integers(0, 3)).filter(np.any))
    assert_equal_to_repeating(p, y, [0.5, 0.25], weights, ("A", "B"))


def test_estimates_are_those_of_evaluate():
    p, y = random_case(200, seed=2)
    y[:, 4] = False
    table = bootstrap_intervals(p, y, np.arange(200), THRESHOLDS, FEW)
    expected = of_evaluate(p, y, THRESHOLDS)
    for row in table.itertuples():
        assert row.estimate == pytest.approx(expected[row.block, row.metric], abs=1e-12, nan_ok=True)
        if not np.isnan(row.estimate):
            assert row.low <= row.estimate <= row.high, row
    headline = {"f1_macro", "f1_micro", "f1_weighted", "jaccard", "hamming_loss", "exact_match"}
    for block in ("at_half", "calibrated"):
        assert headline < set(table.loc[table["block"] == block, "metric"])
    assert {"auroc_macro", "auprc_macro", "auroc_by_class.HYP", "ece", "brier"} < set(table["metric"])


def test_a_class_that_no_record_has_is_undefined_throughout():
    p, y = random_case(60, seed=4)
    y[:, 4] = False
    table = bootstrap_intervals(p, y, np.arange(60), THRESHOLDS, FEW).set_index(["block", "metric"])
    assert table.loc[("ranking", "auroc_by_class.HYP")].isna().all()
    assert table.loc[("ranking", "auroc_macro")].notna().all()


def test_a_class_that_some_resamples_lack_has_the_interval_of_the_others():
    p, y = np.array([[0.9], [0.2], [0.4], [0.1]]), np.array([[True], [False], [False], [False]])
    table = bootstrap_intervals(p, y, np.arange(4), [0.5], FEW, ("A",)).set_index(["block", "metric"])
    assert table.loc[("ranking", "auroc_by_class.A")].tolist() == [1.0, 1.0, 1.0]
    assert table.loc[("calibrated", "f1_macro")].tolist() == [1.0, 1.0, 1.0]


def test_the_same_seed_draws_the_same_and_another_does_not():
    p, y = random_case(150, seed=5)
    first, again, other = (
        bootstrap_intervals(p, y, np.arange(150), THRESHOLDS, Bootstrap(150, 0.95, seed))
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not np.array_equal(first["low"], other["low"])


def test_a_patient_comes_with_all_records_and_as_many_patients_as_there_are():
    patients = np.array([7, 7, 3, 9, 7, 3])
    weights = patient_weights(patients, 50, np.random.default_rng(0))
    assert np.array_equal(weights[0], weights[1])
    assert np.array_equal(weights[0], weights[4])
    assert np.array_equal(weights[2], weights[5])
    assert (weights[[0, 2, 3]].sum(axis=0) == 3).all()
    assert len({tuple(column) for column in weights.T}) > 5


def test_draws_do_not_depend_on_how_many_are_made_at_a_time():
    patients = np.arange(30)
    generator = np.random.default_rng(0)
    parts = [patient_weights(patients, size, generator) for size in (3, 5)]
    assert np.array_equal(np.hstack(parts), patient_weights(patients, 8, np.random.default_rng(0)))


def test_copies_of_records_do_not_narrow_intervals_when_they_are_of_the_same_patient():
    p, y = random_case(150, seed=6)
    patients = np.arange(150)
    copied = [np.concatenate([values] * 4) for values in (p, y, patients)]
    single = bootstrap_intervals(p, y, patients, THRESHOLDS, FEW)
    by_patient = bootstrap_intervals(*copied, THRESHOLDS, FEW)
    by_record = bootstrap_intervals(*copied[:2], np.arange(600), THRESHOLDS, FEW)
    pd.testing.assert_frame_equal(by_patient, single)
    ratio = (by_patient["high"] - by_patient["low"]) / (by_record["high"] - by_record["low"])
    assert ratio.median() == pytest.approx(2, abs=0.25)  # the square root of four copies
    assert (ratio > 1.3).all()


def test_intervals_cover_the_true_auroc_about_as_often_as_they_say():
    shift, records, repetitions = 1.2, 120, 300
    truth = NormalDist().cdf(shift / np.sqrt(2))
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(repetitions):
        y = rng.random((records, 1)) < 0.4
        p = 1 / (1 + np.exp(-rng.normal(shift * y)))
        weights = patient_weights(np.arange(records), 200, rng)
        auroc = weighted_scores(p, y, [0.5], weights, ("A",))["ranking", "auroc_macro"]
        low, high = percentile_interval(auroc, 0.95)
        covered += low <= truth <= high
    assert 0.91 <= covered / repetitions <= 0.98  # three standard errors are 0.04


def test_the_interval_of_ece_covers_the_mean_ece_of_so_many_records():
    # The bare percentiles of its resamples do not: every one of them lies above nearly every estimate.
    rng = np.random.default_rng(9)

    def draw():
        p = rng.beta(0.6, 1.4, (400, 1))
        return p, rng.random(p.shape) < np.clip(1.1 * p, 0, 1)

    expected = np.mean([expected_calibration_error(*draw(), classes=("A",)).mean() for _ in range(400)])
    covered = 0
    for _ in range(60):
        table = bootstrap_intervals(*draw(), np.arange(400), [0.5], FEW, ("A",)).set_index("metric")
        assert table.loc["ece", "low"] <= table.loc["ece", "estimate"] <= table.loc["ece", "high"]
        covered += table.loc["ece", "low"] <= expected <= table.loc["ece", "high"]
    assert covered >= 52


def test_the_calibration_error_by_chance_of_one_record_is_known():
    p = np.array([[0.1, 0.5]])
    expected = np.mean(2 * p * (1 - p))  # the mean of |y - p|
    assert calibration_error_by_chance(p, draws=20_000, seed=0) == pytest.approx(expected, abs=0.005)
    assert calibration_error_by_chance(np.array([[0.0, 1.0]]), draws=10, seed=0) == 0


def test_the_calibration_error_by_chance_is_that_of_right_probabilities_and_falls_with_records():
    rng = np.random.default_rng(10)
    p = rng.beta(0.6, 1.4, (500, 5))
    drawn = np.mean([expected_calibration_error(p, rng.random(p.shape) < p).mean() for _ in range(200)])
    assert calibration_error_by_chance(p, draws=200, seed=1) == pytest.approx(drawn, rel=0.03)
    assert calibration_error_by_chance(p[:50], draws=200, seed=1) > 2 * drawn


def test_patients_of_other_records_are_refused():
    p, y = random_case(10, seed=0)
    with pytest.raises(InputError, match="10 records"):
        bootstrap_intervals(p, y, np.arange(9), THRESHOLDS, FEW)


def test_percentiles_leave_out_what_is_undefined():
    values = np.array([np.nan, 0, 1, 2, 3, 4, np.nan])
    assert percentile_interval(values, 0.5) == (1.0, 3.0)
    assert np.isnan(percentile_interval(np.full(3, np.nan), 0.95)).all()
