"""Drift of a batch: no alarm without one, and the right feature and device with one."""

import numpy as np
import pandas as pd
import pytest

from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.drift.psi import psi_by_chance, psi_of_counts, quantile_bins
from veribeat.drift.significance import adjusted
from veribeat.errors import InputError

SETTINGS = DriftSettings(smallest_group=50)


def records(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "device": random.choice(["A", "B", "C"], count, p=[0.6, 0.3, 0.1]),
            "NORM": random.random(count) < 0.45,
            "amplitude": random.lognormal(0, 0.4, count),
            "heart_rate": np.where(random.random(count) < 0.02, np.nan, random.normal(72, 15, count)),
        }
    )


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return records(3000, 0)


def drifted(reference: pd.DataFrame, batch: pd.DataFrame) -> set[tuple[str, str]]:
    table = judge_batch(reference, batch, SETTINGS)
    return set(table.loc[table["drifted"], ["feature", "device"]].itertuples(index=False, name=None))


def test_without_drift_there_is_hardly_ever_an_alarm(reference: pd.DataFrame) -> None:
    alarms = sum(bool(drifted(reference, records(600, seed))) for seed in range(1, 101))
    assert alarms <= 1


def test_the_gain_of_one_device_is_found_on_it(reference: pd.DataFrame) -> None:
    batch = records(900, 1)
    batch.loc[batch["device"] == "B", "amplitude"] *= 1.7
    found = drifted(reference, batch)
    assert ("amplitude", "B") in found
    assert {feature for feature, _ in found} == {"amplitude"}
    assert ("amplitude", "A") not in found


def test_a_shift_of_labels_is_found(reference: pd.DataFrame) -> None:
    batch = records(900, 2)
    batch["NORM"] &= np.random.default_rng(3).random(len(batch)) < 0.3
    found = drifted(reference, batch)
    assert ("NORM", "all") in found
    assert {feature for feature, _ in found} == {"NORM"}


def test_another_mix_of_devices_is_one_drift_and_moves_nothing_else(reference: pd.DataFrame) -> None:
    batch = records(1500, 4)
    mixed = batch[(batch["device"] != "A") | (np.arange(len(batch)) % 5 == 0)]
    assert drifted(reference, mixed) == {("device", "all")}


def test_a_device_that_nobody_knows_is_named(reference: pd.DataFrame) -> None:
    batch = records(600, 5)
    batch.loc[batch.index[:30], "device"] = "NEW-1"
    assert ("device", "NEW-1") in drifted(reference, batch)


def test_values_that_cannot_be_measured_any_more_are_a_drift(reference: pd.DataFrame) -> None:
    batch = records(600, 6)
    batch.loc[np.random.default_rng(7).random(len(batch)) < 0.5, "heart_rate"] = np.nan
    table = judge_batch(reference, batch, SETTINGS)
    gone = table[
        (table["feature"] == "heart_rate") & (table["kind"] == "missing") & (table["device"] == "all")
    ]
    assert gone["drifted"].tolist() == [True]


def test_the_index_does_not_depend_on_a_monotone_scale() -> None:
    random = np.random.default_rng(8)
    old, new = random.normal(size=2000), random.normal(0.5, 1, 500)

    def index(x: np.ndarray, y: np.ndarray) -> float:
        bins = quantile_bins(x)
        return psi_of_counts(bins.counts(x), bins.counts(y))

    assert index(old, new) == pytest.approx(index(np.exp(old), np.exp(new)))
    assert index(old, old) == pytest.approx(0, abs=1e-12)
    assert index(old, new) > 0.2


def test_what_chance_makes_of_the_index_grows_as_records_get_fewer() -> None:
    few, many = np.full(10, 10), np.full(10, 1000)
    assert psi_by_chance(many, few) > 5 * psi_by_chance(many, many) > 0


def test_corrections_are_those_of_the_textbooks() -> None:
    p = np.array([0.01, 0.04, 0.03, np.nan])
    assert adjusted(p, "holm")[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted(p, "benjamini_hochberg")[:3] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(adjusted(p, "holm")[3])


def test_other_columns_and_empty_batches_are_refused(reference: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="amplitude"):
        judge_batch(reference, reference.drop(columns="amplitude"), SETTINGS)
    with pytest.raises(InputError, match="batch"):
        judge_batch(reference, reference.iloc[:0], SETTINGS)
