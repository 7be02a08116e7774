import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics import published
from veribeat.metrics.calibration import brier_score, expected_calibration_error, reliability_bins
from veribeat.metrics.classification import (
    auroc_by_class,
    evaluate,
    label_metrics,
    ranking_metrics,
    roc_points,
    rounded,
)
from veribeat.metrics.error_patterns import error_patterns, label_set_names

AB = ("A", "B")

# true:      A      A B    none   B
# predicted: A      A      none   A
TRUE = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], dtype=bool)
PREDICTED = np.array([[1, 0], [1, 0], [0, 0], [1, 0]], dtype=bool)


def random_case(records=400, seed=3):
    rng = np.random.default_rng(seed)
    y = rng.random((records, 5)) < 0.35
    return np.clip(rng.normal(0.35 + 0.3 * y, 0.2), 0, 1), y


def test_label_metrics_by_hand():
    m = label_metrics(TRUE, PREDICTED, AB)
    assert m["hamming_loss"] == pytest.approx(3 / 8)
    assert m["hamming_accuracy"] == pytest.approx(5 / 8)
    assert m["exact_match"] == pytest.approx(2 / 4)
    assert m["jaccard"] == pytest.approx((1 + 1 / 2 + 0 + 0) / 4)  # the record without labels scores 0
    assert m["precision_by_class"] == {"A": pytest.approx(2 / 3), "B": None}  # B is never predicted
    assert m["recall_by_class"] == {"A": 1.0, "B": 0.0}
    assert m["f1_by_class"] == {"A": pytest.approx(0.8), "B": 0.0}
    assert m["f1_macro"] == pytest.approx(0.4)
    assert m["f1_micro"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))
    assert m["f1_weighted"] == pytest.approx(0.4)  # two records each


def test_a_class_that_is_neither_true_nor_predicted_has_no_f1():
    absent = np.array([[1, 0], [1, 0]], dtype=bool)
    m = label_metrics(absent, absent, AB)
    assert m["f1_by_class"] == {"A": 1.0, "B": None}
    assert m["f1_macro"] == m["f1_weighted"] == 1.0


def test_no_label_at_all_is_null_not_nan():
    nothing = np.zeros((3, 2), dtype=bool)
    m = label_metrics(nothing, nothing, AB)
    assert m["f1_micro"] is m["f1_macro"] is m["f1_weighted"] is None
    assert m["exact_match"] == 1.0
    json.dumps(m, allow_nan=False)


def test_perfect_predictions():
    _, y = random_case()
    y = y[y.any(axis=1)]
    m = evaluate(y.astype(float), y, np.full(5, 0.9))
    for block in (m["at_half"], m["calibrated"]):
        assert block["hamming_loss"] == 0
        for name in ("exact_match", "jaccard", "f1_micro", "f1_macro", "f1_weighted"):
            assert block[name] == 1.0
    assert m["ranking"]["auroc_macro"] == m["ranking"]["auprc_macro"] == 1.0
    assert m["calibration"]["ece"] == m["calibration"]["brier"] == 0


def test_constant_predictions():
    _, y = random_case()
    m = evaluate(np.full(y.shape, 0.5), y, np.full(5, 0.501))
    assert m["at_half"]["recall_by_class"] == dict.fromkeys(SUPERCLASSES, 1.0)  # 0.5 counts as present
    assert m["calibrated"]["recall_by_class"] == dict.fromkeys(SUPERCLASSES, 0.0)
    assert m["ranking"]["auroc_by_class"] == dict.fromkeys(SUPERCLASSES, 0.5)
    prevalence = y.mean(axis=0)
    assert list(m["ranking"]["auprc_by_class"].values()) == pytest.approx(prevalence)
    assert list(m["calibration"]["ece_by_class"].values()) == pytest.approx(np.abs(prevalence - 0.5))
    assert m["calibration"]["brier"] == pytest.approx(0.25)


def test_thresholds_only_move_the_calibrated_block():
    p, y = random_case()
    low, high = evaluate(p, y, np.full(5, 0.2)), evaluate(p, y, np.full(5, 0.8))
    assert low["calibrated"] != high["calibrated"]
    for block in ("at_half", "ranking", "calibration", "records", "positives"):
        assert low[block] == high[block]


def test_ranking_is_null_for_a_class_with_one_label_only():
    p, y = random_case()
    y[:, 4] = False
    y[:, 0] = True
    m = ranking_metrics(p, y)
    assert m["auroc_by_class"]["HYP"] is m["auprc_by_class"]["HYP"] is m["auroc_by_class"]["NORM"] is None
    assert m["classes_defined"] == 3
    others = [m["auroc_by_class"][name] for name in ("MI", "STTC", "CD")]
    assert m["auroc_macro"] == pytest.approx(np.mean(others))
    json.dumps(evaluate(p, y, np.full(5, 0.5)), allow_nan=False)


def test_one_record_does_not_crash():
    m = evaluate(np.full((1, 5), 0.4), [[1, 0, 0, 0, 0]], np.full(5, 0.3))
    assert m["ranking"] == {
        "auroc_macro": None,
        "auroc_by_class": dict.fromkeys(SUPERCLASSES),
        "auprc_macro": None,
        "auprc_by_class": dict.fromkeys(SUPERCLASSES),
        "classes_defined": 0,
    }


def test_no_records_are_refused():
    with pytest.raises(InputError, match="no records"):
        evaluate(np.zeros((0, 5)), np.zeros((0, 5)), np.full(5, 0.5))


def test_auroc_counts_ordered_pairs():
    p, y = np.array([[0.1], [0.4], [0.35], [0.8]]), np.array([[0], [0], [1], [1]])
    assert auroc_by_class(p, y, ("A",)) == {"A": pytest.approx(0.75)}


def test_roc_points_span_the_auroc():
    p, y = random_case()
    points, areas = roc_points(p, y), auroc_by_class(p, y)
    for name, curve in points.groupby("class"):
        assert auc(curve["false_positive_rate"], curve["true_positive_rate"]) == pytest.approx(areas[name])


def test_thinned_roc_keeps_ends_order_and_area():
    p, y = random_case(5000)
    p = np.clip(p + np.random.default_rng(0).normal(0, 0.01, p.shape), 0, 1)
    full, thin = roc_points(p, y), roc_points(p, y, most=50)
    for name, curve in thin.groupby("class"):
        x, z = curve["false_positive_rate"].to_numpy(), curve["true_positive_rate"].to_numpy()
        assert (full["class"] == name).sum() > 50
        assert 25 < len(x) <= 50
        assert (x[0], z[0], x[-1], z[-1]) == (0, 0, 1, 1)
        assert (np.diff(x) >= 0).all()
        assert (np.diff(z) >= 0).all()
        assert auc(x, z) == pytest.approx(auroc_by_class(p, y)[name], abs=0.005)


def test_roc_of_undefined_classes_has_no_rows_but_all_columns():
    points = roc_points([[0.5]], [[1]], ("A",))
    assert points.empty
    assert list(points) == ["class", "false_positive_rate", "true_positive_rate"]


def test_reliability_bins_by_hand():
    p = np.array([[0.0], [0.2], [0.25], [1.0]])
    y = np.array([[0], [1], [0], [1]])
    table = reliability_bins(p, y, bins=5, classes=("A",))
    assert table["records"].tolist() == [1, 2, 0, 0, 1]  # 0.2 opens the second bin, 1.0 closes the last
    assert table["mean_probability"].tolist() == pytest.approx([0, 0.225, np.nan, np.nan, 1], nan_ok=True)
    assert table["observed_frequency"].tolist() == pytest.approx([0, 0.5, np.nan, np.nan, 1], nan_ok=True)
    ece = expected_calibration_error(p, y, bins=5, classes=("A",))
    assert ece.tolist() == pytest.approx([2 / 4 * 0.275])
    assert brier_score(p, y, ("A",)).tolist() == pytest.approx([(0.64 + 0.0625) / 4])


def test_bins_hold_every_record_also_on_edges():
    p = np.repeat(np.arange(16)[:, None] / 15, 5, axis=1)
    assert (reliability_bins(p, p > 0.5).groupby("class")["records"].sum() == 16).all()
    assert reliability_bins(p, p > 0.5)["records"].max() == 2  # only the closed last bin has two


def test_ece_averages_over_records_not_bins():
    p = np.array([[0.1]] * 9 + [[0.9]])
    y = np.array([[0]] * 9 + [[0]])
    assert expected_calibration_error(p, y, classes=("A",))[0] == pytest.approx((9 * 0.1 + 0.9) / 10)


def test_error_patterns_by_hand():
    table = error_patterns(TRUE, PREDICTED, AB)
    expected = pd.DataFrame(
        {"true": ["A, B", "B"], "predicted": ["A", "A"], "count": [1, 1], "percent": [25.0, 25.0]}
    )
    pd.testing.assert_frame_equal(table, expected)


def test_error_patterns_sort_by_share_and_drop_the_rare():
    true = np.zeros((200, 2), dtype=bool)
    predicted = np.zeros((200, 2), dtype=bool)
    predicted[:3, 0] = True  # none -> A, 1.5%
    true[3:5, 0] = True  # A -> none, 1.0%, kept
    true[5, 1] = True  # B -> none, 0.5%, dropped
    table = error_patterns(true, predicted, AB)
    assert table["true"].tolist() == ["none", "A"]
    assert table["percent"].tolist() == [1.5, 1.0]
    assert len(error_patterns(true, predicted, AB, at_least_percent=0)) == 3


def test_error_patterns_of_a_perfect_classifier_are_an_empty_table():
    assert list(error_patterns(TRUE, TRUE, AB)) == ["true", "predicted", "count", "percent"]
    assert error_patterns(TRUE, TRUE, AB).empty


def test_label_sets_are_written_as_in_the_paper():
    assert label_set_names([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0]]).tolist() == ["CD, NORM", "none"]
    for true, predicted, _ in published.TABLE_5:
        for name in (true, predicted):
            parts = [] if name == "none" else name.split(", ")
            assert parts == sorted(parts)
            assert set(parts) <= set(SUPERCLASSES)


def test_published_table_5_is_of_fold_10():
    def explains(n):
        return all(
            any(round(100 * k / n, 2) == percent for k in range(round(percent * n / 100) + 2))
            for *_, percent in published.TABLE_5
        )

    assert explains(2198)
    assert not explains(4371)  # folds 8 and 10 together


def test_rounding_reaches_nested_blocks_and_leaves_counts_and_nulls():
    block = {"a": {"b": 0.12345678, "c": None}, "n": 3}
    assert rounded(block) == {"a": {"b": 0.123457, "c": None}, "n": 3}
