"""Wave delineation: where the landmarks are known, where a lead or all of them fail, and what is never plausible."""

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recordings import BEAT_S, WAVES

from veribeat.conventions import LEADS
from veribeat.signal import delineation
from veribeat.signal import landmarks as in_leads
from veribeat.signal.delineation import Delineation, delineate, diagnostic_windows
from veribeat.signal.landmarks import MISSING
from veribeat.simulation.cohort import simulate_cohort

NAMES = ("p_onset", "p_offset", "qrs_onset", "t_offset")
TRUE_S = {"p_onset": -0.24, "p_offset": -0.105, "qrs_onset": -0.07, "t_offset": 0.335}
"""From the R-peak, of a beat made of `WAVES`: about 2.3 widths from the centre of P, Q and T."""

II = LEADS.index("II")
BEATS_S = 0.1 + BEAT_S * np.arange(12)


def train(beats_s: Sequence[float] | NDArray, t_waves: Sequence[float] = (1.0,) * 12) -> NDArray[np.float32]:
    """12 leads in mV (1000, 12) with a beat at each time, T waves scaled by lead; R upright and P visible in all."""
    since = np.arange(1000)[:, None] / 100 - np.asarray(beats_s)
    sizes = np.random.default_rng(3).uniform(0.7, 1.3, (12, len(WAVES)))
    signal = np.zeros((1000, 12))
    for wave, (centre, width, height) in enumerate(WAVES):
        shape = (height * np.exp(-(((since - centre) / width) ** 2) / 2)).sum(axis=1)
        scale = sizes[:, wave] * (np.asarray(t_waves) if wave == len(WAVES) - 1 else 1.0)
        signal += shape[:, None] * scale
    return signal.astype(np.float32)


def noise(scale: float, seed: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, scale, (1000, 12)).astype(np.float32)


SIGNAL = train(BEATS_S)


def landmarks(found: Delineation) -> NDArray[np.int64]:
    return np.stack([getattr(found, name) for name in NAMES], axis=1)


def inner(found: Delineation) -> NDArray[np.bool_]:
    return (found.r_peaks >= 40) & (found.r_peaks < 950)


def assert_all_found(found: Delineation, most: int = 2) -> None:
    """Every landmark of every beat but those that the ends may cut, each within `most` samples."""
    assert inner(found).sum() >= 9
    for name, second in TRUE_S.items():
        distance = getattr(found, name) - found.r_peaks - 100 * second
        assert np.abs(distance[inner(found)]).max() <= most, name


def assert_in_order(found: Delineation, samples: int = 1000) -> None:
    """What holds of every delineation: shapes, order within a beat, no overlap of beats."""
    points = landmarks(found)
    assert points.shape == (len(found.r_peaks), 4)
    assert points.dtype == found.r_peaks.dtype == np.int64
    assert ((points >= MISSING) & (points < samples)).all()
    last_end = MISSING
    for r_peak, (p_onset, p_offset, qrs_onset, t_offset) in zip(found.r_peaks, points, strict=True):
        there = [int(point) for point in (p_onset, p_offset, qrs_onset) if point != MISSING]
        assert there == sorted(there)
        assert p_onset == MISSING or p_offset == MISSING or p_onset < p_offset
        assert all(last_end < point for point in there)
        assert all(point < r_peak for point in there)
        assert t_offset == MISSING or t_offset > r_peak
        last_end = max(int(t_offset), last_end)


def test_a_clean_recording() -> None:
    found = delineate(SIGNAL)
    assert (found.source, found.lead, found.reason) == ("lead", "II", "")
    assert_all_found(found)
    assert_in_order(found)


def test_moderate_noise() -> None:
    found = delineate(SIGNAL + noise(0.02))
    assert found.source == "lead"
    for name, second in TRUE_S.items():
        distance = np.abs(getattr(found, name) - found.r_peaks - 100 * second)[inner(found)]
        assert np.median(distance) <= 4, name


def test_inverted_t_waves() -> None:
    found = delineate(train(BEATS_S, (-1.0,) * 12))
    assert (found.source, found.lead) == ("lead", "II")
    assert_all_found(found)


def test_leads_vote_where_lead_ii_has_no_t_wave() -> None:
    t_waves = np.ones(12)
    t_waves[II] = 0.0
    found = delineate(train(BEATS_S, t_waves))
    assert (found.source, found.lead) == ("vote", "II")
    assert found.reason.startswith("lead II: ")
    assert found.reason.endswith("beats without QRS onset or T offset")
    assert_all_found(found)


def test_a_flat_lead_ii_is_not_delineated() -> None:
    signal = SIGNAL.copy()
    signal[:, II] = 0.2
    found = delineate(signal)
    assert found.source == "lead"
    assert found.lead not in ("", "II")
    assert_all_found(found, most=3)


def test_few_beats_have_fixed_windows() -> None:
    """With fewer than four beats NeuroKit2 finds no heart rate; its warning stays inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = delineate(train([1.5, 4.5, 8.0]))
    assert (found.source, found.lead, found.r_peaks.tolist()) == ("r_peaks", "II", [150, 450, 800])
    assert found.reason.startswith("lead II: NeuroKit2 raised ValueError")
    assert "; vote of 0 leads" in found.reason
    assert landmarks(found)[1].tolist() == [430, 442, 444, 490]


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such thing happens")

    monkeypatch.setattr(in_leads.neurokit2, "ecg_delineate", broken)
    with pytest.raises(RuntimeError, match="no such thing"):
        delineate(SIGNAL)


def test_a_list_that_lost_a_beat_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = in_leads.neurokit2.ecg_delineate

    def short(*arguments: object, **settings: object) -> tuple[object, dict[str, list[float]]]:
        signals, waves = real(*arguments, **settings)
        return signals, {**waves, "ECG_T_Offsets": waves["ECG_T_Offsets"][1:]}

    monkeypatch.setattr(in_leads.neurokit2, "ecg_delineate", short)
    found = delineate(SIGNAL)
    assert found.source == "r_peaks"
    assert "lead II: NeuroKit2 lost a beat" in found.reason


@pytest.mark.parametrize("signal", [noise(0.2), np.zeros((1000, 12), np.float32)], ids=["noise", "flat"])
def test_without_r_peaks_there_is_nothing(signal: NDArray[np.float32]) -> None:
    found = delineate(signal)
    assert (found.source, found.lead, len(found.r_peaks)) == ("none", "", 0)
    assert found.reason
    assert_in_order(found)
    assert not diagnostic_windows(*landmarks(found).T, 1000).any()


@pytest.mark.parametrize("shift", [-0.09, -0.05, 0.0, 0.3, 0.5])
def test_beats_that_an_end_cuts(shift: float) -> None:
    found = delineate(train(BEATS_S + shift))
    assert_in_order(found)
    assert_all_found(found)


def test_simulated_records_are_in_order() -> None:
    cohort = simulate_cohort(20, seed=11, wrong_label_share=0.0, noise=1.5)
    sources = set()
    for signal in cohort.signals:
        found = delineate(signal.astype(np.float32) / 1000)
        assert_in_order(found)
        sources.add(found.source)
        if found.source == "lead":
            whole = (landmarks(found)[:, 2:] != MISSING).all(axis=1)
            assert whole[inner(found)].mean() >= 0.5
    assert "lead" in sources


def test_the_argument_is_not_changed() -> None:
    before = SIGNAL.copy()
    delineate(SIGNAL)
    np.testing.assert_array_equal(SIGNAL, before)


R_PEAKS = np.array([100, 200, 300])
GOOD = np.stack([R_PEAKS - 20, R_PEAKS - 9, R_PEAKS - 5, R_PEAKS + 34], axis=1)
NO_MOVEMENT = np.full(3, MISSING)


def test_plausible_landmarks_stay() -> None:
    found = in_leads.plausible_landmarks(GOOD, R_PEAKS, NO_MOVEMENT, 1000)
    np.testing.assert_array_equal(found, GOOD)


@pytest.mark.parametrize(
    ("name", "sample", "lost"),
    [
        ("p_onset", 150, ["p_onset"]),  # PR 0.45 s
        ("p_onset", 188, ["p_onset"]),  # PR 0.07 s
        ("p_onset", 190, ["p_onset"]),
        ("p_offset", 196, ["p_offset"]),  # in the QRS complex
        ("p_offset", 182, ["p_onset", "p_offset"]),  # P 0.02 s
        ("p_onset", 165, ["p_onset", "p_offset"]),  # P 0.26 s
        ("p_onset", 130, ["p_onset"]),  # in the T wave before
        ("qrs_onset", 180, ["qrs_onset"]),
        ("qrs_onset", 200, ["qrs_onset"]),
        ("t_offset", 210, ["t_offset"]),  # QT 0.15 s
        ("t_offset", 296, ["t_offset"]),  # in the next QRS complex
        ("t_offset", 190, ["t_offset"]),
    ],
)
def test_implausible_landmarks_go(name: str, sample: int, lost: list[str]) -> None:
    found = GOOD.copy()
    found[1, NAMES.index(name)] = sample
    expected = found.copy()
    expected[1, [NAMES.index(one) for one in lost]] = MISSING
    kept = in_leads.plausible_landmarks(found, R_PEAKS, NO_MOVEMENT, 1000)
    np.testing.assert_array_equal(kept, expected)


def test_a_qrs_onset_off_the_beginning_of_movement_is_moved_there() -> None:
    found = GOOD.copy()
    found[:, 2] = [95, MISSING, 289]
    kept = in_leads.plausible_landmarks(found, R_PEAKS, np.array([97, 196, 296]), 1000)
    assert kept[:, 2].tolist() == [95, 196, 296]


def test_a_vote_takes_three_leads() -> None:
    leads = np.full((5, 6, 4), MISSING)
    leads[:2, 0, 0] = 50  # two leads
    leads[:3, 1, 0] = [50, 52, 70]  # of three, two agree
    leads[:3, 2, 0] = [50, 52, 54]
    leads[:, 3, 0] = [50, 51, 54, 900, 53]
    leads[:4, 4, 0] = [50, 51, 52, 53]
    voted = delineation._vote(list(leads), 6)
    assert voted[:, 0].tolist() == [MISSING, MISSING, 52, 53, 51, MISSING]
    assert (voted[:, 1:] == MISSING).all()
    assert (delineation._vote([], 6) == MISSING).all()


@given(st.lists(st.integers(0, 999), min_size=1, max_size=30))
def test_fixed_windows_stay_apart(gaps: list[int]) -> None:
    r_peaks = np.unique(np.clip(np.cumsum([25 + gap // 8 for gap in gaps]) - 25, 0, 999))
    spaced = r_peaks[np.append(True, np.diff(r_peaks) >= 25)]
    fixed = delineation._fixed(spaced, 1000)
    assert_in_order(Delineation(spaced, *fixed.T, "r_peaks", "II"))
    middle = (spaced >= 20) & (spaced < 960)
    assert (fixed[middle] != MISSING).all()


points = st.lists(st.tuples(*[st.integers(-1, 59)] * 4), max_size=5)


@given(points)
@settings(max_examples=200)
def test_diagnostic_windows_are_whole_windows(beats: list[tuple[int, int, int, int]]) -> None:
    expected = np.zeros(60, dtype=bool)
    for p_onset, p_offset, qrs_onset, t_offset in beats:
        for begin, end in ((p_onset, p_offset), (qrs_onset, t_offset)):
            for sample in range(60):
                expected[sample] |= begin != -1 and end != -1 and begin <= sample <= end
    columns = np.array(beats, dtype=np.int32).reshape(-1, 4).T
    inside = diagnostic_windows(*columns, 60)
    assert (inside.shape, inside.dtype) == ((60,), np.bool_)
    np.testing.assert_array_equal(inside, expected)
