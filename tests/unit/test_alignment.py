"""A prototype in the query's rhythm: eq. 12 between matched R-peaks, zeros outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veribeat.counterfactual.alignment import align

SAMPLES = 1000
RAMP = np.arange(SAMPLES, dtype=np.float32)[:, None] * np.array([1.0, -2.0], dtype=np.float32)
"""Leads that tell from which time of the prototype a value comes."""

PEAKS = st.lists(st.integers(0, SAMPLES - 1), min_size=2, max_size=20, unique=True).map(sorted)


def aligned(prototype: list[int], query: list[int], signal: NDArray[np.float32] = RAMP) -> NDArray:
    found = align(signal, np.array(prototype), np.array(query))
    assert found is not None
    return found


def equation_12(signal: NDArray, source: list[int], destination: list[int]) -> NDArray:
    """Sample by sample, as it is printed."""
    result = np.zeros(signal.shape)
    pairs = zip(source, source[1:], destination, destination[1:], strict=False)
    for s, s_next, t, t_next in pairs:
        for sample in range(t, t_next + 1):
            time = s + (s_next - s) / (t_next - t) * (sample - t)
            before = min(int(time), len(signal) - 2)
            result[sample] = signal[before] + (time - before) * (signal[before + 1] - signal[before])
    return result


def test_its_own_peaks_change_nothing_but_the_ends() -> None:
    signal = np.random.default_rng(1).normal(size=(SAMPLES, 12)).astype(np.float32)
    found = aligned([100, 300, 720], [100, 300, 720], signal)
    np.testing.assert_array_equal(found[100:721], signal[100:721])
    assert not found[:100].any()
    assert not found[721:].any()
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("prototype", "query", "source", "destination"),
    [
        ([100, 200, 300], [150, 350, 400], [100, 200, 300], [150, 350, 400]),
        # More beats in the prototype: the preceding ones are dropped.
        ([50, 150, 250, 350], [100, 300], [250, 350], [100, 300]),
        # Fewer: the last ones of the query are matched, and what precedes them is zero.
        ([100, 220], [80, 180, 280, 400], [100, 220], [280, 400]),
        ([0, 999], [0, 500, 999], [0, 999], [500, 999]),
    ],
)
def test_the_last_beats_are_matched(
    prototype: list[int], query: list[int], source: list[int], destination: list[int]
) -> None:
    found = aligned(prototype, query)
    np.testing.assert_allclose(found, equation_12(RAMP, source, destination), rtol=1e-6, atol=1e-3)
    np.testing.assert_array_equal(found[destination], RAMP[source])


@given(PEAKS, PEAKS)
def test_any_peaks_follow_equation_12(prototype: list[int], query: list[int]) -> None:
    signal = np.random.default_rng(2).normal(size=(SAMPLES, 2)).astype(np.float32)
    found = aligned(prototype, query, signal)
    matched = min(len(prototype), len(query))
    expected = equation_12(signal, prototype[-matched:], query[-matched:])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("prototype", "query"), [([], [1, 2]), ([500], [1, 2]), ([1, 2], [500]), ([], [])])
def test_fewer_than_two_peaks_cannot_be_aligned(prototype: list[int], query: list[int]) -> None:
    assert align(RAMP, np.array(prototype, dtype=int), np.array(query, dtype=int)) is None


@pytest.mark.parametrize("peaks", [[300, 200], [200, 200], [-1, 200], [200, 1000]])
def test_impossible_peaks_are_refused(peaks: list[int]) -> None:
    for prototype, query in ((peaks, [1, 2]), ([1, 2], peaks)):
        with pytest.raises(ValueError, match="R-peaks must ascend within 0 to 999"):
            align(RAMP, np.array(prototype), np.array(query))


def test_the_arguments_are_not_changed() -> None:
    signal, peaks = RAMP.copy(), np.array([10, 500])
    align(signal, peaks, peaks)
    np.testing.assert_array_equal(signal, RAMP)
    np.testing.assert_array_equal(peaks, [10, 500])
