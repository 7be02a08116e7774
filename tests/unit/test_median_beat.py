"""The median beat and its waves: what all beats share, at another heart rate, and where P, QRS and T are."""

import numpy as np
import pytest
from recordings import BEAT_S, ecg

from veribeat.conventions import LEADS
from veribeat.counterfactual.plausibility import limb_lead_residual
from veribeat.signal.limb_leads import FROM_I_AND_II
from veribeat.signal.median_beat import AFTER, BEFORE, OFFSETS, median_beat, median_rr
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.waves import Waves, find_waves

SIGNAL = ecg(100.0).astype(np.float32)
PEAKS = np.array([10 + round(83 * beat) for beat in range(12)])
"""R-peaks of `recordings.ecg`: every 0.83 s from 0.1 s on."""


def test_the_peaks_are_those_that_are_found() -> None:
    found = find_r_peaks(SIGNAL).samples
    assert np.abs(found[:, None] - PEAKS).min(axis=1).max() <= 1


def test_a_regular_recording_is_its_median_beat() -> None:
    beat = median_beat(SIGNAL, PEAKS)
    assert beat.shape == (len(OFFSETS), len(LEADS)) == (BEFORE + 1 + AFTER, 12)
    own = SIGNAL[PEAKS[3] - BEFORE : PEAKS[3] + AFTER + 1]
    level = np.median(own[BEFORE - 12 : BEFORE + 13], axis=0)
    independent = [
        lead not in FROM_I_AND_II for lead in LEADS
    ]  # the others are about the level that these imply
    np.testing.assert_allclose(beat[:, independent], (own - level)[:, independent], atol=1e-4)
    assert limb_lead_residual(beat.astype(np.float32)) < 1e-6


def test_wander_and_one_odd_beat_do_not_matter() -> None:
    plain = median_beat(SIGNAL, PEAKS)
    disturbed = SIGNAL + np.linspace(-2, 2, 1000, dtype=np.float32)[:, None]
    disturbed[PEAKS[5] - 10 : PEAKS[5] + 30] *= -2
    slope = 4 / 1000 * OFFSETS[:, None]
    found = median_beat(disturbed, PEAKS)
    chest = [
        lead.startswith("V") for lead in LEADS
    ]  # the same slope in all limb leads is none that a heart makes
    np.testing.assert_allclose(found[:, chest], (plain + slope)[:, chest], atol=0.03)


def test_rows_that_no_beat_reaches_are_zero() -> None:
    beat = median_beat(SIGNAL, np.array([5]))
    assert (beat[: BEFORE - 5] == 0).all()
    assert np.abs(beat[BEFORE - 4 :]).max() > 0.3


@pytest.mark.parametrize("beats", [1, 2, 5, 12])
def test_the_median_is_that_of_numpy(beats: int) -> None:
    """Beats at both ends of a recording lack rows, so that their number differs from row to row."""
    generator = np.random.default_rng(beats)
    signal = generator.normal(size=(1000, 12)).astype(np.float32)
    peaks = np.sort(generator.choice(1000, beats, replace=False))
    found = median_beat(signal, peaks)
    places = peaks[:, None] + OFFSETS
    values = np.where(
        ((places >= 0) & (places < 1000))[:, :, None],
        signal[np.clip(places, 0, 999)].astype(np.float64),
        np.nan,
    )
    level = np.median(signal[np.clip(peaks[:, None] + np.arange(-12, 13), 0, 999)].astype(np.float64), axis=1)
    expected = np.nanmedian(values - level[:, None], axis=0)
    leads = [column for column, lead in enumerate(LEADS) if lead not in FROM_I_AND_II]
    there = ~np.isnan(expected).all(axis=1)
    np.testing.assert_allclose(found[there][:, leads], expected[there][:, leads], atol=1e-12)


def test_stretched_time_leaves_the_qrs_complex_alone() -> None:
    plain, faster = median_beat(SIGNAL, PEAKS), median_beat(SIGNAL, PEAKS, stretch=1.25)
    np.testing.assert_allclose(faster[: BEFORE + 9], plain[: BEFORE + 9], atol=0.002)  # but for the level
    lead = LEADS.index("V3")
    t_wave = BEFORE + 9 + int(plain[BEFORE + 9 : BEFORE + 45, lead].argmax())
    moved = BEFORE + 9 + int(faster[BEFORE + 9 : BEFORE + 45, lead].argmax())
    assert moved - BEFORE == pytest.approx(8 + (t_wave - BEFORE - 8) / 1.25, abs=1)


def test_the_interval_of_one_beat_is_the_usual_one() -> None:
    assert median_rr(PEAKS) == pytest.approx(100 * BEAT_S, abs=0.5)
    assert median_rr(PEAKS[:1]) == 80


def test_waves_are_where_they_were_put() -> None:
    """P at -170 ms with a deviation of 30 ms, QRS from -30 to 35 ms with 17 ms, T at 250 ms with 40 ms."""
    waves = find_waves(median_beat(SIGNAL, PEAKS), median_rr(PEAKS))
    assert -26 <= waves.p_onset <= -21
    assert -14 <= waves.p_offset <= -9
    assert -9 <= waves.qrs_onset <= -5
    assert 6 <= waves.qrs_offset <= 11
    assert 14 <= waves.t_onset <= 21
    assert 31 <= waves.t_offset <= 37


@pytest.mark.parametrize("rr", [40.0, 60.0, 83.0, 150.0])
def test_waves_are_in_order_at_any_heart_rate(rr: float) -> None:
    random = np.random.default_rng(1)
    for beat in (
        median_beat(SIGNAL, PEAKS),
        random.normal(size=(len(OFFSETS), 12)),
        np.zeros((len(OFFSETS), 12)),
    ):
        waves = find_waves(beat, rr)
        assert (np.diff(waves.edges) > 0).all(), waves


def test_edges_lie_between_two_samples() -> None:
    edges = Waves(-22, -12, -6, 6, 15, 35).edges
    np.testing.assert_array_equal(edges, [-22.5, -11.5, -6.5, 6.5, 14.5, 35.5])
