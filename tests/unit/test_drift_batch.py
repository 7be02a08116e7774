"""The verdict on a batch: nothing without a shift, each shift where it was made."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.errors import InputError

DEVICES = ("A", "B", "C", "D")
MIX = (0.5, 0.3, 0.15, 0.05)
LEVEL = {"A": 0.0, "B": 1.0, "C": -2.0, "D": 4.0, "E": 0.0}
"""Devices differ much in `amplitude`, so that a pooled comparison would see every change of their mix."""


def cohort(size: int, seed: int, mix: tuple[float, ...] = MIX) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    device = random.choice(DEVICES, size, p=mix)
    return pd.DataFrame(
        {
            "device": device,
            "amplitude": random.normal([LEVEL[name] for name in device], 1.0),
            "rate": np.where(random.random(size) < 0.03, np.nan, random.gamma(9, 8, size)),
            "NORM": random.random(size) < 0.45,
            "HYP": random.random(size) < 0.1,
            "sex": random.choice(["female", "male"], size),
        }
    )


REFERENCE = cohort(5000, 0)


def drifted(batch: pd.DataFrame, settings: DriftSettings | None = None) -> set[tuple[str, str, str]]:
    table = judge_batch(REFERENCE, batch, settings)
    return set(table.loc[table["drifted"], ["feature", "kind", "device"]].itertuples(index=False, name=None))


def changed(change: Callable[[pd.DataFrame], None]) -> pd.DataFrame:
    batch = cohort(1000, 1)
    change(batch)
    return batch


def test_chance_alone_is_rarely_drift() -> None:
    found = [bool(drifted(cohort(400, seed))) for seed in range(100, 160)]
    assert sum(found) <= 1


def test_the_table_has_a_row_per_feature_and_device() -> None:
    table = judge_batch(REFERENCE, cohort(1000, 1))
    assert list(table) == [
        "feature", "kind", "device", "n_reference", "n_batch", "psi", "psi_by_chance", "statistic", "p",
        "p_adjusted", "drifted", "note",
    ]  # fmt: skip
    own = table[(table["feature"] == "amplitude")].set_index("device")
    assert own.index.tolist() == ["all", "A", "B", "C", "other"]
    assert own.loc["other", "note"].endswith("pooled: D")
    assert own.loc["other", "note"].startswith("not judged")
    assert np.isnan(own.loc["other", "p"])
    assert own.loc["all", ["n_reference", "n_batch"]].tolist() == [5000, 1000]
    assert table[table["feature"] == "NORM"]["device"].tolist() == ["all", "A", "B", "C"]
    assert (table["p_adjusted"].dropna() >= table["p"].dropna()).all()
    assert table["drifted"].dtype == bool


def test_a_gain_is_found_on_its_device_only() -> None:
    def gain(batch: pd.DataFrame) -> None:
        batch.loc[batch["device"] == "B", "amplitude"] += 1.5

    assert ("amplitude", "number", "B") in drifted(changed(gain))
    assert drifted(changed(gain)) <= {("amplitude", "number", "B"), ("amplitude", "number", "all")}


def test_a_tenth_spread_over_devices_is_found_over_all() -> None:
    def noise(batch: pd.DataFrame) -> None:
        batch.loc[::10, "rate"] = 1e4

    found = drifted(changed(noise))
    assert ("rate", "number", "all") in found
    assert {feature for feature, *_ in found} == {"rate"}


def test_another_mix_of_devices_is_that_and_nothing_else() -> None:
    assert drifted(cohort(1500, 2, mix=(0.1, 0.2, 0.6, 0.1))) == {("device", "category", "all")}


def test_prevalence_is_found() -> None:
    batch = cohort(1500, 3)
    batch = batch[~batch["NORM"] | (np.arange(len(batch)) % 10 < 3)]
    assert {("NORM", "label", "all"), ("NORM", "label", "A")} <= drifted(batch)
    assert {feature for feature, *_ in drifted(batch)} == {"NORM"}


def test_a_category_is_found() -> None:
    def male(batch: pd.DataFrame) -> None:
        batch["sex"] = "male"

    assert ("sex", "category", "all") in drifted(changed(male))


def test_values_that_go_missing_are_found() -> None:
    def lose(batch: pd.DataFrame) -> None:
        batch.loc[(batch["device"] == "A") & (batch.index % 3 == 0), "rate"] = np.nan

    assert ("rate", "missing", "A") in drifted(changed(lose))
    assert {feature for feature, *_ in drifted(changed(lose))} == {"rate"}
    assert not any(kind == "number" for _, kind, _ in drifted(changed(lose)))


def test_a_device_that_the_reference_lacks_is_named() -> None:
    def rename(batch: pd.DataFrame) -> None:
        batch.loc[batch.index[:12], "device"] = "E  1"
        batch.loc[batch.index[12:15], "device"] = "F"

    table = judge_batch(REFERENCE, changed(rename))
    own = table[table["feature"] == "device"].set_index("device")
    assert own.index.tolist() == ["all", "E 1", "F"]
    assert own.loc["E 1", ["n_reference", "n_batch", "drifted"]].tolist() == [0, 12, True]
    assert own.loc["F", ["n_batch", "drifted"]].tolist() == [3, False]
    assert "not in the reference" in own.loc["F", "note"]
    assert set(table["device"]) == {"all", "A", "B", "C", "other", "E 1", "F"}


def test_a_device_with_few_records_in_the_reference_is_not_judged() -> None:
    reference = pd.concat((REFERENCE, cohort(20, 4).assign(device="E")))
    batch = cohort(1000, 1)
    batch.loc[batch.index[:30], ["device", "amplitude"]] = "E", 99.0
    table = judge_batch(reference, batch)
    assert table.loc[table["device"] == "E", "feature"].tolist() == ["device"]
    assert not table.loc[table["feature"] == "amplitude", "drifted"].any()


def test_rare_devices_are_judged_together_by_rank() -> None:
    settings = DriftSettings(smallest_group=200)
    batch = cohort(2000, 5, mix=(0.7, 0.09, 0.12, 0.09))  # B and D are pooled, in another proportion
    assert drifted(batch, settings) == {("device", "category", "all")}
    batch.loc[batch["device"].isin(["B", "D"]), "amplitude"] += 2
    assert ("amplitude", "number", "other") in drifted(batch, settings)


def test_order_of_records_and_columns_does_not_count() -> None:
    batch = cohort(1000, 6)
    shuffled = batch.sample(frac=1, random_state=0)[batch.columns[::-1]]
    pd.testing.assert_frame_equal(judge_batch(REFERENCE, batch), judge_batch(REFERENCE, shuffled))


def test_a_patient_counts_once_on_a_device() -> None:
    reference, batch = (
        table.assign(patient_id=np.arange(len(table))) for table in (REFERENCE, cohort(1000, 8))
    )
    often = batch[batch["device"] == "A"].iloc[np.repeat(0, 300)]
    pd.testing.assert_frame_equal(
        judge_batch(reference, pd.concat((batch, often))), judge_batch(REFERENCE, cohort(1000, 8))
    )
    assert drifted(pd.concat((batch, often)).drop(columns="patient_id"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="device"), "column 'device'"),
        (lambda table: table[:0], "needs records"),
        (lambda table: table.drop(columns="HYP"), "differ in their columns: HYP"),
        (lambda table: table.assign(NORM=1), "'NORM' is a label"),
        (lambda table: table.assign(rate=np.inf), "infinite"),
        (lambda table: table.assign(sex=None), "missing values"),
        (lambda table: table.assign(device="all"), "rename it"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        judge_batch(REFERENCE, change(cohort(200, 7)))


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"psi_limit": 0.0}, {"smallest_group": 1}, {"unknown_device": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="give"):
        judge_batch(REFERENCE, REFERENCE, DriftSettings(**wrong))  # type: ignore[arg-type]
