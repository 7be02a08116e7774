"""A donor in the query's rhythm: beats where the query has them, QRS complexes as they are, no ends left over."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from veribeat.counterfactual.beat_alignment import align_beats

LEADS = np.arange(1, 13)


def beating(peaks: NDArray[np.int64], samples: int = 1000) -> NDArray[np.float32]:
    """A triangle of 16 samples and 1 mV at every peak, and a bump in the middle between two; larger lead by lead."""
    time = np.arange(samples)[:, None]
    qrs = np.clip(1 - np.abs(time - peaks) / 8, 0, None).sum(axis=1)
    middles = (peaks[1:] + peaks[:-1]) / 2
    bump = 0.3 * np.exp(-(((time - middles) / 6) ** 2)).sum(axis=1)
    return ((qrs + bump)[:, None] * LEADS).astype(np.float32)


DONOR_PEAKS = np.arange(40, 1000, 100)
DONOR = beating(DONOR_PEAKS)


def test_beats_are_where_the_query_has_them_and_qrs_complexes_keep_their_width() -> None:
    query_peaks = np.array([30, 100, 190, 250, 330, 420, 500, 590, 650, 740, 830, 900, 980])
    aligned = align_beats(DONOR, DONOR_PEAKS, query_peaks)
    assert aligned is not None
    for peak in query_peaks[:-1]:
        complex_ = aligned[peak - 8 : peak + 9, 0]
        np.testing.assert_allclose(complex_, DONOR[32:49, 0], atol=0.02)
    # The bump stays in the middle between two beats.
    for begin, end in pairwise(query_peaks):
        between = aligned[begin + 12 : end - 12, 0]
        assert abs(begin + 12 + int(between.argmax()) - (begin + end) / 2) <= 1


def test_nothing_is_padded() -> None:
    aligned = align_beats(DONOR, DONOR_PEAKS, np.array([430, 510, 590]))
    assert aligned is not None
    for start in range(0, 1000, 100):  # every 80 samples there is a beat, to both ends
        assert aligned[start : start + 100, 11].max() > 10


def test_a_donor_with_its_own_rhythm_is_itself() -> None:
    aligned = align_beats(DONOR, DONOR_PEAKS, DONOR_PEAKS)
    assert aligned is not None
    inner = slice(DONOR_PEAKS[0], DONOR_PEAKS[-1] - 4)
    np.testing.assert_allclose(aligned[inner], DONOR[inner], atol=1e-5)


def test_where_the_donor_begins_again_there_is_no_jump() -> None:
    wandering = DONOR + np.linspace(0, 3, 1000, dtype=np.float32)[:, None]
    aligned = align_beats(wandering, DONOR_PEAKS, np.arange(20, 1000, 60))
    assert aligned is not None
    # Without the fade the first sample after the wrap lies 2.7 mV lower, and at the end of it all of 3 mV are lost.
    steepest = np.abs(np.diff(DONOR[:, 0])).max() + 3 / 8
    assert np.abs(np.diff(aligned[:, 0])).max() < steepest


def test_one_beat_of_the_query_is_enough_and_two_of_the_donor_are_needed() -> None:
    assert align_beats(DONOR, DONOR_PEAKS, np.array([500])) is not None
    assert align_beats(DONOR, DONOR_PEAKS[:1], DONOR_PEAKS) is None
    assert align_beats(DONOR, DONOR_PEAKS, DONOR_PEAKS[:0]) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=40, unique=True).map(sorted),
    st.lists(st.integers(0, 999), min_size=2, max_size=40, unique=True).map(sorted),
)
def test_any_peaks_give_a_finite_signal_within_the_donors_range(query: list[int], donor: list[int]) -> None:
    aligned = align_beats(DONOR, np.array(donor), np.array(query))
    assert aligned is not None
    assert aligned.shape == DONOR.shape
    assert np.isfinite(aligned).all()
    assert aligned.min() >= DONOR.min() - 1e-5
    assert aligned.max() <= DONOR.max() + 1e-5


@pytest.mark.parametrize("shift", [0, 7])
def test_the_result_does_not_depend_on_where_the_query_starts(shift: int) -> None:
    """Beats are counted from the first whole interval, so a shift of all peaks moves the signal as a whole."""
    peaks = np.arange(80, 900, 80)
    base, moved = align_beats(DONOR, DONOR_PEAKS, peaks), align_beats(DONOR, DONOR_PEAKS, peaks + shift)
    assert base is not None
    assert moved is not None
    np.testing.assert_allclose(moved[shift:], base[: 1000 - shift], atol=1e-5)
