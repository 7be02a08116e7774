"""Metrics of counterfactuals, worked out by hand, and all counterfactuals of one query."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_counterfactuals import PEAKS, donor_set, level_model, prototype_set, recording

from veribeat.black_box import BlackBox
from veribeat.counterfactual.beat_methods import BEAT_METHODS
from veribeat.counterfactual.evaluation import (
    Evaluated,
    EvaluationSettings,
    QualityWeights,
    RealRecords,
    changed_segments,
    evaluate,
    evaluate_query,
    nearest_real,
    quality,
)
from veribeat.counterfactual.methods import METHODS, DonorSets, MethodSettings
from veribeat.counterfactual.plausibility import AmplitudeRange, IntervalRange
from veribeat.counterfactual.query import Counterfactual, Query, make_query
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.stability import draw_noise
from veribeat.counterfactual.targets import label_set, names_of, single_targets
from veribeat.counterfactual.trial import SearchSettings
from veribeat.dtw.distances import dtw_distances

SHAPE = (1000, 12)
SHIFTS = (-2, -1, 1, 2)
EDITS = SearchSettings(
    margin=0.1, shifts=SHIFTS, donors=1, refined=1, path_points=2, lengths=4, passes=1, rounds=1, eliminated=4
)
SEARCH = MethodSettings(
    SparseSettings(tuple(np.arange(2, 21) / 20), shortest_segment=10, r_peak_radius=5, r_peak_weight=2.0),
    dict.fromkeys(BEAT_METHODS, EDITS),
)
MEASURE = EvaluationSettings(
    sigma_mv=0.2,
    tolerance_sigma=0.01,
    noise_levels=(0.01, 0.02, 0.05),
    noise_draws=10,
    shifts=SHIFTS,
    weights=QualityWeights(validity=0.4, sparsity=0.3, stability=0.2, margin=0.1),
)
NOISE = draw_noise(3, 10, SHAPE, (1, 2))
PROTOTYPES = prototype_set(["NORM", "MI", "STTC"])
SOURCES = DonorSets(donor_set(PROTOTYPES), donor_set(PROTOTYPES))
ANYTHING = AmplitudeRange(np.full(12, -9.0), np.full(12, 9.0)), IntervalRange(np.zeros(3), np.full(3, 99.0))
UNSEEN = RealRecords(*ANYTHING, None)


def changed_query(target: list[str], probabilities: list[float]) -> tuple[Query, Counterfactual]:
    """A query that is NORM, and a counterfactual with one segment that differs by 0.001 mV and one by -0.4 mV."""
    query_mv = recording("NORM", seed=50)
    signal, mask = query_mv.copy(), np.zeros(SHAPE, dtype=np.bool_)
    signal[100:150, 2] += np.float32(0.001)
    signal[500:550, 7] -= np.float32(0.4)
    mask[100:150, 2], mask[500:550, 7] = True, True
    query = Query(query_mv, label_set(["NORM"]), np.array([0.9, 0, 0, 0, 0], dtype=np.float32), PEAKS)
    found = Counterfactual(
        method="sparse",
        target=label_set(target),
        prototype=0,
        distance=1.0,
        signal_mv=signal,
        mask=mask,
        keep_ratio=0.1,
        probabilities=np.array(probabilities, dtype=np.float32),
        valid=True,
    )
    return query, found


def always(probabilities: list[float]) -> BlackBox:
    thresholds = np.array([0.5, 0.4, 0.5, 0.5, 0.5])
    return BlackBox(lambda signals: np.tile(np.float32(probabilities), (len(signals), 1)), thresholds)


def metrics_of(target: list[str], probabilities: list[float]) -> dict[str, float]:
    query, found = changed_query(target, probabilities)
    return asdict(evaluate(query, found, NOISE, UNSEEN, always(probabilities), MEASURE))


def evaluated_query() -> tuple[Evaluated, ...]:
    model = level_model()
    query = make_query(recording("NORM", seed=60), PEAKS[:-1] + 20, model)
    targets = single_targets(query.labels, PROTOTYPES.superclasses)
    real = RealRecords(*ANYTHING, lambda _: PROTOTYPES.signals_mv)
    return evaluate_query(
        query, targets, METHODS, SOURCES, model, SEARCH, MEASURE, real, (1, 7), witness=level_model()
    )


def test_differences_are_measured_in_shares_mv_and_sigma() -> None:
    found = metrics_of(["MI"], [0.1, 0.7, 0, 0, 0])
    assert found["l0_share"] == 100 / 12000
    assert found["share_changed"] == 50 / 12000  # 0.001 mV is within 0.01 x 0.2 mV
    assert found["mean_abs_mv"] == pytest.approx((50 * 0.001 + 50 * 0.4) / 12000, rel=1e-4)
    assert found["rms_mv"] == pytest.approx(np.sqrt((50 * 0.001**2 + 50 * 0.4**2) / 12000), rel=1e-4)
    assert found["mean_abs_sigma"] == found["mean_abs_mv"] / 0.2
    assert found["rms_sigma"] == found["rms_mv"] / 0.2
    assert found["max_abs_mv"] == pytest.approx(0.4, rel=1e-5)
    assert found["changed_segments"] == 2


def test_margins_are_distances_to_the_thresholds() -> None:
    found = metrics_of(["MI"], [0.1, 0.7, 0.3, 0, 0])
    assert found["target_margin"] == pytest.approx(0.3)
    assert found["worst_signed_margin"] == pytest.approx(0.2)  # STTC is 0.2 below its threshold
    assert (found["validity"], found["target_present"]) == (1, 1)


def test_the_target_beside_another_label_is_present_but_not_valid() -> None:
    found = metrics_of(["MI"], [0.8, 0.7, 0, 0, 0])
    assert (found["validity"], found["target_present"]) == (0, 1)
    assert found["worst_signed_margin"] == pytest.approx(-0.3)
    assert found["predicted_margin"] == pytest.approx(0.3)


def test_a_missed_target_has_the_margin_of_what_is_predicted_instead() -> None:
    found = metrics_of(["MI"], [0.9, 0.1, 0, 0, 0])
    assert found["predicted_margin"] == pytest.approx(0.4)
    assert found["target_margin"] == pytest.approx(-0.3)
    nothing = metrics_of(["MI"], [0, 0, 0, 0, 0])
    assert np.isnan(nothing["predicted_margin"])


def test_a_target_of_several_labels_has_the_smallest_of_their_margins() -> None:
    found = metrics_of(["MI", "CD"], [0, 0.9, 0, 0.6, 0])
    assert found["target_margin"] == pytest.approx(0.1)
    assert found["validity"] == 1


def test_a_prediction_that_did_not_change_is_not_valid() -> None:
    found = metrics_of(["NORM"], [0.9, 0, 0, 0, 0])
    assert (found["validity"], found["target_present"]) == (0, 1)


def test_a_constant_model_is_stable() -> None:
    found = metrics_of(["MI"], [0.1, 0.7, 0, 0, 0])
    assert (found["noise_stability"], found["shift_kept"]) == (1, 1)
    assert 0.9 < found["temporal_stability"] < 1
    assert np.isnan(found["nearest_real_mv"])


def test_noise_and_shifts_that_turn_the_prediction_are_counted() -> None:
    query, found = changed_query(["MI"], [0, 1, 0, 0, 0])
    asked = 0

    def half_turned(signals: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal asked
        places = np.arange(asked, asked + len(signals))
        asked += len(signals)
        probabilities = np.tile(np.float32([0, 1, 0, 0, 0]), (len(signals), 1))
        probabilities[(places < 6) | (places == 33), 4] = 1
        return probabilities

    metrics = evaluate(query, found, NOISE, UNSEEN, BlackBox(half_turned, np.full(5, 0.5)), MEASURE)
    assert asked == 34
    assert metrics.noise_stability == 24 / 30
    assert metrics.shift_kept == 3 / 4
    assert metrics.quality == pytest.approx(0.4 + 0.3 * (1 - 50 / 12000) + 0.2 * 24 / 30 + 0.1 * 0.5)


def test_samples_outside_of_the_amplitudes_of_real_records_are_counted() -> None:
    query, found = changed_query(["MI"], [0, 1, 0, 0, 0])
    found.signal_mv[:30, 7] = 9.5
    metrics = evaluate(query, found, NOISE, UNSEEN, always([0, 1, 0, 0, 0]), MEASURE)
    assert metrics.share_outside_range == 30 / 12000


def test_quality_adds_its_parts() -> None:
    assert quality(1, 0.2, 0.5, -0.1, MEASURE.weights) == pytest.approx(0.4 + 0.24 + 0.1 - 0.01)


def test_segments_are_counted_per_lead() -> None:
    mask = np.zeros((20, 3), dtype=np.bool_)
    mask[0:5, 0], mask[10:20, 0], mask[0:20, 2] = True, True, True
    assert changed_segments(mask) == 3
    assert changed_segments(np.zeros((20, 3), dtype=np.bool_)) == 0


def test_the_nearest_real_record() -> None:
    signal = recording("MI", seed=70)
    real = PROTOTYPES.signals_mv
    assert nearest_real(signal, real) == dtw_distances(signal, real).min()
    assert nearest_real(real[1], real) == 0
    assert np.isnan(nearest_real(signal, real[:0]))


def test_a_query_gets_every_target_and_method() -> None:
    found = evaluated_query()
    assert [(names_of(one.counterfactual.target), one.counterfactual.method) for one in found] == [
        ((name,), method) for name in ("MI", "STTC") for method in METHODS
    ]
    for one in found:
        assert one.metrics.validity == one.counterfactual.valid
        assert all(np.isfinite(value) for value in asdict(one.metrics).values())
    original = found[0].metrics
    assert (original.validity, original.changed_segments, original.joint_jump_mv) == (1, 12, 0)
    assert original.nearest_real_mv == 0
    assert found[1].metrics.share_changed < original.share_changed


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = evaluated_query(), evaluated_query()
    for one, other in zip(first, second, strict=True):
        assert one.metrics == other.metrics
        assert one.counterfactual.signal_mv.tobytes() == other.counterfactual.signal_mv.tobytes()


def test_targets_do_not_depend_on_each_other() -> None:
    model = level_model()
    query = make_query(recording("NORM", seed=60), PEAKS[:-1] + 20, model)
    alone = evaluate_query(
        query,
        [label_set(["STTC"])],
        METHODS,
        SOURCES,
        model,
        SEARCH,
        MEASURE,
        UNSEEN,
        (1, 7),
    )
    among = evaluated_query()[len(METHODS) :]
    for one, other in zip(alone, among, strict=True):
        assert np.isnan(one.metrics.nearest_real_mv)
        assert np.isnan(one.metrics.witness_reached)
        left_out = {"nearest_real_mv": 0.0, "witness_reached": 0.0, "witness_present": 0.0}
        assert replace(one.metrics, **left_out) == replace(other.metrics, **left_out)


def test_a_witness_says_what_it_sees() -> None:
    query, found = changed_query(["MI"], [0, 1, 0, 0, 0])

    def seen(*labels: float) -> tuple[float, float]:
        metrics = evaluate(
            query, found, NOISE, UNSEEN, always([0, 1, 0, 0, 0]), MEASURE, always(list(labels))
        )
        return metrics.witness_reached, metrics.witness_present

    assert seen(0, 0.4, 0, 0, 0) == (1, 1)
    assert seen(0, 0.4, 0.9, 0, 0) == (0, 1)
    assert seen(0, 0.3, 0, 0, 0) == (0, 0)
