import numpy as np
import pandas as pd
import pytest

from veribeat.rules.ablation import ablation_table, beside_published
from veribeat.rules.phar import Rule
from veribeat.rules.published import TABLE_6
from veribeat.rules.quality import Quality, covers, rule_quality
from veribeat.rules.readable import rule_texts
from veribeat.rules.table import NamedRule, conditions_table, summary_table

NORM_ONLY = np.array([True, False, False, False, False])


def rule_of(conditions, kept=True, precision=1.0):
    """A rule from (time, lead, low, high)."""
    times, leads, low, high = (np.array(column) for column in zip(*conditions, strict=True))
    bounds = (
        (low.astype(np.float32), high.astype(np.float32))
        if kept
        else (np.full(len(low), np.nan, dtype=np.float32),) * 2
    )
    return Rule(times, leads, *bounds, kept, "" if kept else "a reason", 0.5, precision, 3001)


WIDE = rule_of([(0, 0, -0.5, 0.5), (999, 11, -1.0, 0.0)])
NONE = rule_of([(0, 0, -0.5, 0.5)], kept=False)


def test_a_rule_covers_what_meets_every_condition_with_half_open_bounds():
    signals = np.zeros((5, 1000, 12), dtype=np.float32)
    signals[1, 0, 0] = 0.5  # the upper bound is in
    signals[2, 0, 0] = -0.5  # the lower is not
    signals[3, 999, 11] = 0.1
    assert covers(WIDE, signals).tolist() == [True, True, False, False, True]


def test_covering_is_the_same_as_looking_at_all_conditions_at_once():
    rng = np.random.default_rng(5)
    signals = rng.normal(size=(400, 1000, 12)).astype(np.float32)
    times, leads = np.nonzero(rng.random((1000, 12)) < 0.004)
    low = signals[7, times, leads] - np.float32(3)
    high = signals[7, times, leads] + np.float32(3)
    rule = Rule(times, leads, low, high, True, "", 1.0, 1.0, 1)
    values = signals[:, times, leads]
    expected = ((values > low) & (values <= high)).all(axis=1)
    assert len(times) > 2 * 16  # several looks
    assert 1 < expected.sum() < 400
    assert np.array_equal(covers(rule, signals), expected)


def test_confidence_is_of_the_covered_and_of_the_whole_label_set():
    signals = np.zeros((4, 1000, 12), dtype=np.float32)
    signals[3, 0, 0] = 9
    labels = np.array([NORM_ONLY, NORM_ONLY, [1, 0, 0, 1, 0], NORM_ONLY], dtype=bool)
    assert rule_quality(WIDE, NORM_ONLY, signals, labels) == Quality(3, 0.75, pytest.approx(2 / 3))


def test_no_rule_covers_nothing():
    found = rule_quality(
        NONE, NORM_ONLY, np.zeros((2, 1000, 12), dtype=np.float32), np.array([NORM_ONLY] * 2)
    )
    assert (found.covered, found.coverage) == (0, 0.0)
    assert np.isnan(found.confidence)


def named(rules):
    return [
        NamedRule(ecg_id, superclass, rule, Quality(1, 0.5, 1.0))
        for ecg_id, superclass, rule in zip((57, 57, 160), ("MI", "CD", "NORM"), rules, strict=True)
    ]


def test_conditions_are_rows_in_mv_and_normalised_and_only_of_rules_that_were_found():
    table = conditions_table(named([WIDE, NONE, WIDE]), mean_mv=-0.5, sigma_mv=0.25)
    assert table["ecg_id"].tolist() == [57, 57, 160, 160]
    assert table["superclass"].tolist() == ["MI", "MI", "NORM", "NORM"]
    assert table["sample"].tolist() == [0, 999, 0, 999]
    assert table["lead"].tolist() == ["I", "V6", "I", "V6"]
    assert table["high_mv"].tolist() == [0.5, 0.0, 0.5, 0.0]
    assert table["low"].tolist() == [0.0, -2.0, 0.0, -2.0]
    assert table["high"].tolist() == [4.0, 2.0, 4.0, 2.0]


def test_the_summary_has_every_rule_and_says_why_one_is_missing():
    table = summary_table(named([WIDE, NONE, WIDE]))
    assert table["kept"].tolist() == [True, False, True]
    assert table["reason"].tolist() == ["", "a reason", ""]
    assert table["features"].tolist() == [2, 1, 2]
    assert table["coverage"].tolist() == [0.5] * 3


def test_without_rules_the_tables_have_their_columns_and_types():
    rules = named([WIDE] * 3)
    assert len(conditions_table([], 0.0, 1.0)) == len(summary_table([])) == 0
    assert conditions_table([], 0.0, 1.0).dtypes.equals(conditions_table(rules, 0.0, 1.0).dtypes)
    assert summary_table([]).dtypes.equals(summary_table(rules).dtypes)


def test_runs_of_a_lead_become_one_text_with_the_widest_bounds():
    conditions = [
        (133, 7, 0.3, 0.4),
        (132, 7, 0.21, 0.35),
        (134, 7, 0.25, 0.48),
        (136, 7, -0.1, 0.1),
        (20, 7, 0.0, 1.0),
        (137, 8, 0.0, 0.2),  # the next sample, but another lead
        (999, 0, -0.125, 0.25),
    ]
    times, leads, low, high = (np.array(column) for column in zip(*conditions, strict=True))
    assert rule_texts(times, leads, low, high) == [
        "lead I, 9.99 s: -0.12 to 0.25 mV",
        "lead V2, 0.20 s: 0.00 to 1.00 mV",
        "lead V2, 1.32-1.34 s: 0.21 to 0.48 mV",
        "lead V2, 1.36 s: -0.10 to 0.10 mV",
        "lead V3, 1.37 s: 0.00 to 0.20 mV",
    ]


def test_runs_end_with_their_lead_also_from_the_last_sample_to_the_first():
    texts = rule_texts(np.array([998, 999, 0]), np.array([0, 0, 1]), np.zeros(3), np.ones(3))
    assert texts == ["lead I, 9.98-9.99 s: 0.00 to 1.00 mV", "lead II, 0.00 s: 0.00 to 1.00 mV"]
    assert rule_texts(*(np.empty(0, dtype=int),) * 4) == []


def made_rules():
    """Two percentiles, the larger first; of the three rules at each, two are of record 9."""
    return pd.DataFrame(
        {
            "percentile": [95.0, 95.0, 95.0, 45.0, 45.0, 45.0],
            "threshold": [1.0, 1.0, 1.0, 0.5, 0.5, 0.5],
            "ecg_id": [8, 9, 9, 8, 9, 9],
            "features": [100, 0, 0, 100, 4000, 5500],
            "kept": [True, False, False, True, True, True],
            "precision": [0.5, np.nan, np.nan, 0.5, 1.0, 1.0],
            "forwards": [3001, 0, 0, 1000, 2000, 6000],
            "seconds": [3.0, 0.0, 0.0, 1.0, 2.0, 6.0],
        }
    )


def test_ablation_counts_rules_and_conditions_per_percentile():
    table = ablation_table(made_rules())
    assert table["percentile"].tolist() == [45, 95]
    assert table["threshold"].tolist() == [0.5, 1.0]
    assert table["rules"].tolist() == [3, 1]
    assert table["important_mean"].tolist() == pytest.approx([3200, 100 / 3])
    assert table["features_mean"].tolist() == pytest.approx([3200, 100])
    assert table["features_sd"][0] == pytest.approx(np.std([100, 4000, 5500], ddof=1))
    assert np.isnan(table["features_sd"][1])  # of one rule
    assert table["records_with_rule"].tolist() == [1.0, 0.5]
    assert table["precision"].tolist() == pytest.approx([2.5 / 3, 0.5])
    assert table["forwards"].tolist() == pytest.approx([3000, 3001 / 3])
    assert table["seconds"].tolist() == [3, 1]


def test_ablation_without_rules_has_no_means():
    (row,) = ablation_table(made_rules().query("percentile == 95").assign(kept=False)).to_dict("records")
    assert row["rules"] == row["records_with_rule"] == 0
    assert np.isnan([row["features_mean"], row["features_sd"], row["precision"]]).all()
    assert row["important_mean"] == pytest.approx(100 / 3)


def test_the_papers_figures_are_those_of_the_same_percentile():
    table = beside_published(ablation_table(made_rules()))
    assert table["published_features_mean"].tolist() == [536.8, 489.5]
    assert table["published_features_sd"].tolist() == [458.0, 186.8]
    assert table["published_seconds"].tolist() == [359.0, 332.3]


def test_table_6_is_complete():
    assert [row.percentile for row in TABLE_6] == [45, 50, 70, 90, 95]
    assert max(TABLE_6, key=lambda row: row.features_mean).percentile == 90


def test_the_longest_runs_are_kept_in_the_order_of_leads_and_times():
    times, leads = np.array([1, 2, 3, 50, 7, 8, 9]), np.array([1, 1, 1, 0, 5, 5, 5])
    texts = rule_texts(times, leads, np.zeros(7), np.ones(7), most=2)
    assert texts == ["lead II, 0.01-0.03 s: 0.00 to 1.00 mV", "lead AVF, 0.07-0.09 s: 0.00 to 1.00 mV"]
