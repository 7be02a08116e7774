"""Drift of a batch: what chance alone does is no drift, and what was changed is found and named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from veribeat.drift.batch import ALL, COLUMNS, OTHER, DriftSettings, judge_batch
from veribeat.drift.psi import BINS, quantile_bins, stability_index
from veribeat.errors import InputError

SETTINGS = DriftSettings(psi=0.2, level=0.01, correction="holm", smallest_group=100)
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def psi(reference: NDArray, new: NDArray) -> float:
    return stability_index(*quantile_bins(reference, new))


def test_of_one_distribution_the_index_is_nothing_but_chance() -> None:
    """Its mean over draws is near 0 although it cannot be negative, and without the correction it would be a tenth."""
    random = np.random.default_rng(1)
    found = np.array([psi(random.normal(size=200), random.normal(size=200)) for _ in range(300)])
    assert found.min() == 0
    assert np.mean(found == 0) > 0.4
    assert found.mean() < 0.03
    assert np.quantile(found, 0.95) < 0.1


def test_a_shift_by_half_a_standard_deviation_is_its_divergence() -> None:
    """Of two normals a shift d apart the symmetrised divergence is d squared; ten bins lose a little of it."""
    random = np.random.default_rng(2)
    assert psi(random.normal(size=50_000), random.normal(0.5, size=50_000)) == pytest.approx(0.25, abs=0.03)


@given(COUNTS, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_index_is_symmetric_and_never_negative(counts: list[int], random) -> None:
    other = [random.randint(0, 500) for _ in counts]
    if sum(counts) and sum(other):
        one, two = np.array(counts), np.array(other)
        assert stability_index(one, two) == pytest.approx(stability_index(two, one))
        assert stability_index(one, two) >= 0
        assert stability_index(one, one) == 0


def test_monotone_transforms_change_nothing() -> None:
    random = np.random.default_rng(3)
    old, new = random.normal(size=500), random.normal(0.4, 1.3, size=300)
    for transform in (np.exp, lambda x: 3 * x - 7, lambda x: x**3):
        for left, right in zip(
            quantile_bins(old, new), quantile_bins(transform(old), transform(new)), strict=True
        ):
            # Deciles lie between two values; a transform moves them there, never past a value of the reference.
            assert np.abs(left - right).max() <= 1
    for left, right in zip(quantile_bins(old, new), quantile_bins(3 * old, 3 * new), strict=True):
        np.testing.assert_array_equal(left, right)


def test_every_record_is_in_a_bin_and_the_reference_is_spread_evenly() -> None:
    random = np.random.default_rng(4)
    old, new = random.normal(size=1000), random.normal(5, 9, size=321)
    counts_old, counts_new = quantile_bins(old, new)
    np.testing.assert_array_equal(counts_old, np.full(BINS, 100))
    assert counts_new.sum() == 321


def test_constants_and_ties_merge_bins() -> None:
    constant = np.zeros(200)
    assert psi(constant, constant) == 0
    assert psi(constant, np.ones(200)) > 1  # beyond the only edge
    two_valued = np.repeat([0.0, 1.0], 100)
    assert len(quantile_bins(two_valued, two_valued)[0]) < BINS
    assert psi(two_valued, two_valued) == 0
    assert psi(two_valued, np.repeat([0.0, 1.0], [20, 180])) > 0.2


@pytest.mark.parametrize("samples", [([], [1.0]), ([1.0], [])])
def test_no_record_has_no_distribution(samples: tuple[list[float], list[float]]) -> None:
    with pytest.raises(InputError, match="no record"):
        quantile_bins(*samples)


def table(random: np.random.Generator, records: int, devices: tuple[str, ...] = ("A", "B")) -> pd.DataFrame:
    """Records of an unchanging world: devices in turn, amplitudes that depend on them, two superclasses."""
    device = np.array(devices)[random.integers(len(devices), size=records)]
    level = np.array([devices.index(name) for name in device])
    return pd.DataFrame(
        {
            "device": device,
            "MI": random.random(records) < 0.25,
            "refused": random.random(records) < 0.05,
            "amplitude": random.normal(level, 0.3),
            "heart_rate": random.normal(75, 12, records),
        }
    )


def drifted(found: pd.DataFrame) -> set[tuple[str, str]]:
    rows = found[found["drifted"]]
    return set(zip(rows["feature"], rows["device"], strict=True))


REFERENCE = table(np.random.default_rng(5), 2000)


@pytest.mark.parametrize(("correction", "batches"), [("holm", 200), ("benjamini_hochberg", 50)])
def test_without_a_change_there_is_hardly_ever_an_alarm(correction: str, batches: int) -> None:
    """By the level alone one batch in a hundred has one: of 200, more than 7 have a chance of 0.1 %. The least index
    makes it rarer still: none is found."""
    chosen = replace(SETTINGS, correction=correction)
    reference = REFERENCE[:600]
    found = [
        judge_batch(reference, table(np.random.default_rng([6, seed]), 300), chosen)
        for seed in range(batches)
    ]
    assert not any(each["drifted"].any() for each in found)
    assert sum((each["p_adjusted"] <= chosen.level).any() for each in found) <= 7


@pytest.fixture
def batch() -> pd.DataFrame:
    return table(np.random.default_rng(7), 600)


def test_the_table_has_a_row_per_test(batch: pd.DataFrame) -> None:
    found = judge_batch(REFERENCE, batch, SETTINGS)
    assert tuple(found.columns) == COLUMNS
    assert list(zip(found["feature"], found["device"], strict=True)) == [
        ("device", ALL),
        ("MI", ALL),
        ("refused", ALL),
        ("amplitude", "A"),
        ("amplitude", "B"),
        ("heart_rate", "A"),
        ("heart_rate", "B"),
    ]
    assert drifted(found) == set()
    of_a = found[found["device"] == "A"].iloc[0]
    assert of_a["n_batch"] == (batch["device"] == "A").sum()
    assert of_a["n_reference"] == (REFERENCE["device"] == "A").sum()


def test_another_gain_of_one_device_is_found_there(batch: pd.DataFrame) -> None:
    batch.loc[batch["device"] == "B", "amplitude"] += np.log(1.5)
    assert drifted(judge_batch(REFERENCE, batch, SETTINGS)) == {("amplitude", "B")}


def test_another_share_of_a_superclass_is_found(batch: pd.DataFrame) -> None:
    batch["MI"] = np.random.default_rng(8).random(len(batch)) < 0.6
    found = judge_batch(REFERENCE, batch, SETTINGS)
    assert drifted(found) == {("MI", ALL)}
    (row,) = found[found["feature"] == "MI"].to_dict("records")
    assert row["statistic"] == pytest.approx(batch["MI"].mean() - REFERENCE["MI"].mean())


def test_another_mix_of_devices_is_found_and_is_no_change_of_amplitudes(batch: pd.DataFrame) -> None:
    """Over all records the amplitudes have moved; on no device they have."""
    mostly_b = pd.concat([batch[batch["device"] == "B"], batch[batch["device"] == "A"][:110]])
    moved = judge_batch(REFERENCE, mostly_b.iloc[:400], SETTINGS)
    assert drifted(moved) == {("device", ALL)}
    one_device = REFERENCE.assign(device="one"), mostly_b.iloc[:400].assign(device="one")
    assert ("amplitude", "one") in drifted(judge_batch(*one_device, SETTINGS))


def test_an_unknown_device_is_named(batch: pd.DataFrame) -> None:
    batch.loc[batch.index[:250], "device"] = "C"
    found = judge_batch(REFERENCE, batch, SETTINGS)
    assert ("new device", "C") in drifted(found)
    (row,) = found[found["feature"] == "new device"].to_dict("records")
    assert (row["n_reference"], row["n_batch"]) == (len(REFERENCE), len(batch))
    assert row["statistic"] == pytest.approx(250 / 600)


def test_a_drift_must_be_likely_and_large(batch: pd.DataFrame) -> None:
    batch["heart_rate"] += 4.0  # a third of a standard deviation: certain among 600, but small
    found = judge_batch(REFERENCE, batch, SETTINGS)
    assert drifted(found) == set()
    assert (found.loc[found["feature"] == "heart_rate", "p_adjusted"] < 0.01).all()
    assert {
        feature for feature, _ in drifted(judge_batch(REFERENCE, batch, replace(SETTINGS, psi=0.05)))
    } == {"heart_rate"}


def test_what_was_not_measured_is_left_out(batch: pd.DataFrame) -> None:
    gaps = batch.copy()
    gaps.loc[gaps.index[::5], "heart_rate"] = np.nan
    with_gaps = judge_batch(REFERENCE, gaps, SETTINGS)
    of_rate = with_gaps["feature"] == "heart_rate"
    assert with_gaps.loc[of_rate, "n_batch"].sum() == batch["heart_rate"].size * 4 // 5
    without = judge_batch(REFERENCE, batch, SETTINGS)
    pd.testing.assert_frame_equal(
        with_gaps[~of_rate].drop(columns="p_adjusted"), without[~of_rate].drop(columns="p_adjusted")
    )
    never = judge_batch(REFERENCE, batch.assign(heart_rate=np.nan), SETTINGS)
    assert "heart_rate" not in set(never["feature"])


def test_small_devices_are_pooled(batch: pd.DataFrame) -> None:
    names = np.array(["A", *(f"S{k}" for k in range(10))])
    rename = np.random.default_rng(9)

    def renamed(of: pd.DataFrame) -> pd.DataFrame:
        devices = names[rename.integers(len(names), size=len(of))]
        return of.assign(device=np.where(rename.random(len(of)) < 0.5, "A", devices))

    old, new = renamed(REFERENCE), renamed(batch)
    found = judge_batch(old, new, SETTINGS)
    rows = found[found["feature"] == "heart_rate"].set_index("device")
    assert list(rows.index) == ["A", OTHER]
    assert rows.loc[OTHER, "n_batch"] == (new["device"] != "A").sum()
    assert rows.loc[OTHER, "n_reference"] == (old["device"] != "A").sum()


def test_a_batch_with_too_few_records_is_judged_by_shares_alone(batch: pd.DataFrame) -> None:
    found = judge_batch(REFERENCE, batch[:50], SETTINGS)
    assert set(found["feature"]) == {"device", "MI", "refused"}


@pytest.mark.parametrize("records", [1, 2, 7])
def test_no_number_of_records_is_an_error(batch: pd.DataFrame, records: int) -> None:
    found = judge_batch(REFERENCE, batch[:records], SETTINGS)
    assert found[["psi", "p", "p_adjusted"]].notna().all(axis=None)
    assert (found["p_adjusted"].between(0, 1)).all()


def test_one_device_on_both_sides_has_no_mix() -> None:
    one = REFERENCE[REFERENCE["device"] == "A"]
    row = judge_batch(one, one[:200], SETTINGS).iloc[0]
    assert (row["psi"], row["p"]) == (0, 1)


def by_hand(p: list[float], correction: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `judge_batch` corrects p-values to that are given."""
    from veribeat.drift import batch as module

    rows = iter(p[1:])
    monkeypatch.setattr(module, "_device_mix", lambda *_: ("device", ALL, 1, 1, 1.0, 0.0, p[0]))
    monkeypatch.setattr(module, "_share", lambda name, *_: (name, ALL, 1, 1, 1.0, 0.0, next(rows)))
    columns = pd.DataFrame({"device": ["A"], **{f"f{k}": [True] for k in range(len(p) - 1)}})
    found = judge_batch(columns, columns, replace(SETTINGS, correction=correction))
    assert (found["drifted"] == (found["p_adjusted"] <= 0.01)).all()
    return found["p_adjusted"].tolist()


def test_holm_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # sorted 0.001, 0.01, 0.02, 0.04 times 4, 3, 2, 1 is 0.004, 0.03, 0.04, 0.04
    assert by_hand([0.02, 0.001, 0.04, 0.01], "holm", monkeypatch) == pytest.approx([0.04, 0.004, 0.04, 0.03])
    assert by_hand([0.5, 0.9], "holm", monkeypatch) == pytest.approx([1.0, 1.0])
    # not below a smaller one's: 0.01 * 3 = 0.03, then 0.012 * 2 = 0.024 is raised
    assert by_hand([0.01, 0.012, 0.9], "holm", monkeypatch) == pytest.approx([0.03, 0.03, 0.9])


def test_benjamini_hochberg_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # sorted 0.001, 0.01, 0.02, 0.04 times 4/1, 4/2, 4/3, 4/4; each at most the next
    found = by_hand([0.02, 0.001, 0.04, 0.01], "benjamini_hochberg", monkeypatch)
    assert found == pytest.approx([0.08 / 3, 0.004, 0.04, 0.02])
    found = by_hand([0.03, 0.04, 0.04], "benjamini_hochberg", monkeypatch)
    assert found == pytest.approx([0.04, 0.04, 0.04])


def test_other_columns_or_no_record_are_refused(batch: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="other columns"):
        judge_batch(REFERENCE, batch.drop(columns="MI"), SETTINGS)
    with pytest.raises(InputError, match="other columns"):
        judge_batch(REFERENCE.drop(columns="device"), batch.drop(columns="device"), SETTINGS)
    for old, new in ((REFERENCE[:0], batch), (REFERENCE, batch[:0])):
        with pytest.raises(InputError, match="no record"):
            judge_batch(old, new, SETTINGS)
