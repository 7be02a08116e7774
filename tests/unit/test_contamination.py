"""Known noise and wrong labels on records."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.errors import InputError
from veribeat.simulation.contamination import KINDS, Contamination, add_noise, contaminate, flip_labels
from veribeat.simulation.noise import TO_LEADS
from veribeat.simulation.projection import INDEPENDENT, twelve_leads

RECORDS = 200
SOME = Contamination(record_share=0.15, snr_db=(-6.0, 0.0), label_share=0.1, seed=3)


def _record(seed: int = 0) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    independent = random.normal(0, 400, (1000, len(INDEPENDENT)))
    return np.rint(twelve_leads(independent)).astype(np.int16)


@pytest.fixture(scope="module")
def cohort() -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    signals = np.stack([_record(seed) for seed in range(20)] * (RECORDS // 20))
    return signals, np.random.default_rng(1).random((RECORDS, 5)) < 0.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", [-6.0, 3.0])
def test_noise_has_the_size_that_is_asked_for_and_keeps_the_limb_leads_equations(
    kind: str, snr_db: float
) -> None:
    record = _record()
    noise = add_noise(record, kind, snr_db, np.random.default_rng(1)).astype(float) - record
    power = [np.square(part - part.mean(axis=0)).mean() for part in (record.astype(float), noise)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(snr_db, abs=0.02)
    lead = dict(zip(LEADS, noise.T, strict=True))
    for equation in (
        lead["I"] + lead["III"] - lead["II"],
        lead["AVR"] + (lead["I"] + lead["II"]) / 2,
        lead["AVL"] - lead["I"] + lead["II"] / 2,
        lead["AVF"] - lead["II"] + lead["I"] / 2,
    ):
        assert np.abs(equation).max() <= 2.5  # stored units, of rounding


def test_kinds_look_as_they_are_named() -> None:
    def spectrum_below(kind: str, hz: float) -> float:
        record = _record()
        noise = add_noise(record, kind, -6.0, np.random.default_rng(2)).astype(float) - record
        power = np.square(np.abs(np.fft.rfft(noise, axis=0))).sum(axis=1)
        return float(power[1 : int(10 * hz)].sum() / power[1:].sum())

    assert spectrum_below("baseline_wander", 1) > 0.95
    assert spectrum_below("muscle", 10) < 0.3
    assert 0.2 < spectrum_below("electrode_pop", 1) < 0.98
    assert 0.5 < spectrum_below("motion", 5) < 0.95  # more than muscles


def test_noise_is_clipped_to_what_can_be_stored() -> None:
    loud = np.full((1000, 12), 32000, dtype=np.int16)
    loud[::2] = -32000
    noisy = add_noise(loud, "muscle", -6.0, np.random.default_rng(0))
    assert noisy.max() == 32767
    assert noisy.min() == -32768


def test_shares_kinds_and_labels_are_as_asked_for(
    cohort: tuple[NDArray[np.int16], NDArray[np.bool_]],
) -> None:
    signals, targets = cohort
    rows = np.arange(RECORDS)
    changed, labels, table = contaminate(signals, rows, targets, SOME)
    noisy = (table["noise"] != "").to_numpy()
    assert noisy.sum() == 30
    assert set(table.loc[noisy, "noise"].value_counts()) == {7, 8}
    assert table.loc[noisy, "snr_db"].between(-6, 0).all()
    assert table.loc[~noisy, "snr_db"].isna().all()
    assert ((changed != signals).any(axis=(1, 2)) == noisy).all()
    flipped = table["flipped"].to_numpy()
    assert flipped.sum() == 20
    assert ((labels != targets).any(axis=1) == flipped).all()
    assert 0 < (noisy & flipped).sum() < 20  # drawn independently


def test_noise_depends_on_the_record_and_not_on_its_place(
    cohort: tuple[NDArray[np.int16], NDArray[np.bool_]],
) -> None:
    signals, targets = cohort
    rows = np.arange(RECORDS)
    first, labels, table = contaminate(signals, rows, targets, SOME)
    again, labels_again, table_again = contaminate(signals, rows, targets, SOME)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert table.equals(table_again)
    shuffled = np.random.default_rng(2).permutation(RECORDS)
    elsewhere, labels_elsewhere, table_elsewhere = contaminate(signals, shuffled, targets[shuffled], SOME)
    np.testing.assert_array_equal(elsewhere, first[shuffled])
    np.testing.assert_array_equal(labels_elsewhere, labels[shuffled])
    assert table_elsewhere.equals(table.iloc[shuffled].reset_index(drop=True))
    everything = replace(SOME, record_share=1.0)
    whole, _, of_whole = contaminate(signals, rows, targets, everything)
    half, _, of_half = contaminate(signals, rows[:100], targets[:100], everything)
    same = np.flatnonzero(of_whole["noise"].to_numpy()[:100] == of_half["noise"].to_numpy())
    assert len(same) > 10
    np.testing.assert_array_equal(whole[same], half[same])
    np.testing.assert_array_equal(of_whole["snr_db"][:100], of_half["snr_db"])
    other, _, _ = contaminate(signals, rows, targets, replace(SOME, seed=4))
    assert not np.array_equal(first, other)


def test_noise_is_drawn_for_the_row_and_not_for_the_place_in_a_list(
    cohort: tuple[NDArray[np.int16], NDArray[np.bool_]],
) -> None:
    signals, targets = cohort
    everything = replace(SOME, record_share=1.0, snr_db=(0.0, 0.0))
    rows = np.arange(RECORDS)
    whole, _, of_whole = contaminate(signals, rows, targets, everything)
    later, _, of_later = contaminate(signals, rows[60:160], targets[60:160], everything)
    same = np.flatnonzero(of_whole["noise"].to_numpy()[60:160] == of_later["noise"].to_numpy())
    assert len(same) > 10
    np.testing.assert_array_equal(whole[60:160][same], later[same])


def test_what_all_electrodes_share_is_in_no_lead_and_each_of_them_is_in_some() -> None:
    assert np.abs(TO_LEADS.sum(axis=1)).max() < 1e-12
    assert (TO_LEADS != 0).any(axis=0).all()


def test_a_flipped_record_has_the_labels_of_another() -> None:
    targets = np.eye(5, dtype=bool)[[0] * 90 + [1] * 10]
    flipped = np.zeros(100, dtype=bool)
    flipped[[0, 1, 2, 95]] = True
    changed = flip_labels(targets, flipped, np.random.default_rng(0))
    assert changed[[0, 1, 2]].argmax(axis=1).tolist() == [1, 1, 1]
    assert changed[95].argmax() == 0
    np.testing.assert_array_equal(changed[~flipped], targets[~flipped])
    with pytest.raises(InputError, match="All records have the same labels"):
        flip_labels(targets[:90], np.ones(90, dtype=bool), np.random.default_rng(0))


def test_what_cannot_be_is_refused(cohort: tuple[NDArray[np.int16], NDArray[np.bool_]]) -> None:
    signals, targets = cohort
    for wrong in (replace(SOME, record_share=1.5), replace(SOME, snr_db=(3.0, 0.0))):
        with pytest.raises(InputError, match="is not possible"):
            contaminate(signals, np.arange(RECORDS), targets, wrong)
    with pytest.raises(InputError, match="for 200 records"):
        contaminate(signals, np.arange(RECORDS), targets[:9], SOME)
    with pytest.raises(InputError, match="There is no noise 'rain'"):
        add_noise(_record(), "rain", 0.0, np.random.default_rng(0))
