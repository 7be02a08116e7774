"""R-peaks: where they are known, where leads fail, and where there are none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import BEAT_S, stored

from veribeat.conventions import LEADS
from veribeat.signal import r_peaks
from veribeat.signal.r_peaks import detections, find_r_peaks

II = LEADS.index("II")
SIGNAL = stored().astype(np.float32)
TRUE = np.rint((0.1 + BEAT_S * np.arange(12)) * 100).astype(int)
"""`recordings.ecg` has its R-waves here."""


def noise(scale: float, seed: int = 5, leads: int = 12) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, scale, (1000, leads)).astype(np.float32)


def assert_all_found(signal: NDArray[np.float32], most: int = 1) -> None:
    """Every beat but those that the ends may cut, each within `most` samples, and no other."""
    samples = find_r_peaks(signal).samples
    distance = np.abs(samples[:, None] - TRUE)
    assert distance.min(axis=1).max() <= most
    inner = (TRUE >= r_peaks.END) & (TRUE < 1000 - r_peaks.END)
    assert distance.min(axis=0)[inner].max() <= most
    assert (np.diff(samples) > 0).all()


def test_a_clean_recording() -> None:
    found = find_r_peaks(SIGNAL)
    assert (found.lead, found.detector, found.reason) == ("II", "neurokit2", "")
    assert found.samples.dtype == np.int64
    assert_all_found(SIGNAL)


def test_moderate_noise() -> None:
    assert_all_found(SIGNAL + noise(0.03))


def test_each_peak_is_an_extremum_of_its_lead() -> None:
    for signal in (SIGNAL, -SIGNAL):
        found = find_r_peaks(signal)
        assert len(found.samples) >= len(TRUE) - 2  # the ends may cut two
        lead = np.abs(signal[:, LEADS.index(found.lead)])
        for sample in found.samples:
            assert lead[sample] == lead[max(sample - 8, 0) : sample + 9].max()


@pytest.mark.parametrize("spoil", ["flat", "noise", "doubled"])
def test_leads_vote_where_lead_ii_fails(spoil: str) -> None:
    signal = SIGNAL.copy()
    if spoil == "flat":
        signal[:, II] = 0.2
    elif spoil == "noise":
        signal[:, II] = noise(0.3)[:, 0]
    else:  # spikes between the beats
        signal[TRUE[:-1] + 55, II] += np.linspace(0.4, 1.2, len(TRUE) - 1, dtype=np.float32)
    found = find_r_peaks(signal)
    assert found.lead
    assert_all_found(signal, most=2)
    if spoil != "doubled":
        assert (found.detector, found.lead != "II") == ("vote", True)


def test_xqrs_is_taken_where_the_leads_confirm_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = r_peaks.detections

    def neurokit_fails_in_ii(leads_mv: NDArray[np.float32]) -> list[dict[str, NDArray[np.int64]]]:
        found = real(leads_mv)
        for lead_mv, of_lead in zip(leads_mv.T, found, strict=True):
            if (lead_mv == SIGNAL[:, II]).all():
                of_lead["neurokit2"] = of_lead["neurokit2"][::2]
        return found

    monkeypatch.setattr(r_peaks, "detections", neurokit_fails_in_ii)
    found = find_r_peaks(SIGNAL)
    assert (found.lead, found.detector) == ("II", "xqrs")
    assert_all_found(SIGNAL)


@pytest.mark.parametrize("rr", [26, 30])
def test_a_rhythm_too_fast_for_neurokit(rr: int) -> None:
    """Which finds every second beat, so that XQRS has half of the votes and no more."""
    beats = np.arange(15, 1000, rr)
    signal = noise(0.005)
    for beat in beats:
        # R wave and T wave, in each lead of another height.
        wave = np.exp(-(((np.arange(1000) - beat) / 1.5) ** 2) / 2)
        wave += 0.15 * np.exp(-(((np.arange(1000) - beat - 12) / 3.0) ** 2) / 2)
        signal += np.outer(wave, np.linspace(0.8, 1.6, 12)).astype(np.float32)
    found = find_r_peaks(signal)
    distance = np.abs(found.samples[:, None] - beats)
    assert distance.min(axis=1).max() <= 1
    inner = (beats >= r_peaks.END) & (beats < 1000 - r_peaks.END)
    assert distance.min(axis=0)[inner].max() <= 1


def test_no_lead_depends_on_what_is_beside_it() -> None:
    signal = SIGNAL.copy()
    signal[:, 3] = 0.2  # flat
    together = detections(signal)
    assert [bool(len(peaks["xqrs"])) for peaks in together] == [column != 3 for column in range(12)]
    for column, expected in enumerate(together):
        (alone,) = detections(signal[:, [column]])
        for detector, peaks in expected.items():
            assert np.array_equal(alone[detector], peaks)


def test_flat_recordings_have_none() -> None:
    for level in (0.0, 0.7):
        found = find_r_peaks(np.full((1000, 12), level, dtype=np.float32))
        assert (len(found.samples), found.lead, found.detector) == (0, "", "")
        assert found.reason == "no peak in any lead"


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_has_none(seed: int) -> None:
    found = find_r_peaks(noise(0.2, seed))
    assert (len(found.samples), found.lead, found.detector) == (0, "", "")
    assert found.reason == "no beat that most leads show"


def test_one_spike_does_no_harm() -> None:
    signal = np.zeros((1000, 12), dtype=np.float32)
    signal[500] = 1.0
    assert len(find_r_peaks(signal).samples) <= 1


def test_the_argument_is_not_changed() -> None:
    before = SIGNAL.copy()
    find_r_peaks(SIGNAL)
    np.testing.assert_array_equal(SIGNAL, before)
