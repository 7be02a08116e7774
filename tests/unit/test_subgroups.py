import numpy as np
import pandas as pd
import pytest

from veribeat.data.demography import demographic_groups
from veribeat.metrics.bootstrap import Bootstrap, bootstrap_intervals
from veribeat.metrics.classification import evaluate
from veribeat.metrics.subgroups import SUBGROUP_METRICS, subgroup_table

BOOTSTRAP = Bootstrap(resamples=100, level=0.9, seed=1)
THRESHOLDS = np.full(5, 0.4)


def records_of(**columns):
    size = len(next(iter(columns.values())))
    table = {"sex": [0] * size, "age": [50.0] * size, "device": ["CS-12"] * size} | columns
    return pd.DataFrame(table)


def random_case(records=120, seed=3):
    rng = np.random.default_rng(seed)
    y = rng.random((records, 5)) < 0.35
    return np.clip(rng.normal(0.35 + 0.2 * y, 0.2), 0, 1), y


def test_age_bands_begin_at_their_age_and_hold_ptbxls_code_for_over_89():
    ages = [0.0, 39.0, 40.0, 59.0, 60.0, 74.0, 75.0, 89.0, 300.0, np.nan]
    groups = demographic_groups(records_of(age=ages), smallest=1)["age"]
    expected = ["under 40", "40-59", "60-74", "75 and over"]
    assert groups.tolist() == [*np.repeat(expected, 2), "75 and over", "unknown"]


def test_sexes_have_names():
    assert demographic_groups(records_of(sex=[0, 1, -1]), 1)["sex"].tolist() == ["male", "female", "unknown"]


def test_rare_devices_are_pooled_and_spaces_do_not_make_another_device():
    devices = ["CS-12   E", "CS-12 E", "CS-12 E  ", "CS-12", "CS-12", "AT-60    3", ""]
    pooled = demographic_groups(records_of(device=devices), smallest=2)["device"]
    assert pooled.tolist() == ["CS-12 E"] * 3 + ["CS-12"] * 2 + ["other"] * 2
    apart = demographic_groups(records_of(device=devices), smallest=1)["device"]
    assert apart.cat.categories.tolist() == ["AT-60 3", "CS-12", "CS-12 E", "unknown", "other"]
    assert apart.tolist()[-1] == "unknown"


def test_a_device_may_be_called_as_a_group_is():
    groups = demographic_groups(records_of(device=["other", "other", "unknown", "rare"]), smallest=2)[
        "device"
    ]
    assert groups.tolist() == ["other", "other", "other", "other"]
    assert groups.cat.categories.tolist() == ["unknown", "other"]


def test_groups_keep_the_rows_of_the_records():
    records = records_of(sex=[0, 1, 0]).set_index(pd.Index([5, 2, 9]))
    groups = demographic_groups(records, 1)
    assert groups.index.tolist() == [5, 2, 9]
    assert not groups.isna().any(axis=None)


def test_each_row_is_what_the_groups_records_give():
    p, y = random_case()
    patients = np.arange(120) // 2
    sex = (np.arange(120) % 3 == 0).astype(int)
    groups = demographic_groups(records_of(sex=sex, age=np.linspace(20, 70, 120)), 50)
    table = subgroup_table(p, y, patients, groups, THRESHOLDS, BOOTSTRAP)
    names = list(zip(table["attribute"], table["group"], strict=True))
    assert names == [
        ("sex", "male"),
        ("sex", "female"),
        ("age", "under 40"),
        ("age", "40-59"),
        ("age", "60-74"),
        ("device", "CS-12"),
    ]
    female = (groups["sex"] == "female").to_numpy()
    row = table.iloc[1]
    assert (row["records"], row["patients"], row["classes_defined"]) == (40, 40, 5)
    whole = table.iloc[-1]
    assert (whole["records"], whole["patients"]) == (120, 60)
    metrics = evaluate(p[female], y[female], THRESHOLDS)
    intervals = bootstrap_intervals(p[female], y[female], patients[female], THRESHOLDS, BOOTSTRAP)
    for metric, block in SUBGROUP_METRICS.items():
        assert row[metric] == pytest.approx(metrics[block][metric])
        drawn = intervals[(intervals["block"] == block) & (intervals["metric"] == metric)].iloc[0]
        assert (row[f"{metric}_low"], row[f"{metric}_high"]) == (drawn["low"], drawn["high"])
        assert row[f"{metric}_low"] < row[metric] < row[f"{metric}_high"]


def test_what_a_group_leaves_undefined_is_empty():
    p, y = random_case(10)
    y[:3] = False  # the first three records are of no superclass
    groups = demographic_groups(records_of(sex=[1] * 3 + [0] * 7), 1)
    table = subgroup_table(p, y, np.arange(10), groups, THRESHOLDS, BOOTSTRAP)
    women = table[table["group"] == "female"].iloc[0]
    assert women["classes_defined"] == 0
    assert women[["auroc_macro", "auroc_macro_low", "auroc_macro_high"]].isna().all()
    assert women[["hamming_loss", "hamming_loss_low", "ece", "ece_by_chance"]].notna().all()
