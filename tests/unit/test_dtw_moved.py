"""Distances to copies that are moved in time: those of the whole matrix, to the bit."""

import numpy as np
import pytest

from veribeat.counterfactual.stability import shifted
from veribeat.dtw.distances import dtw_distances
from veribeat.dtw.moved import moved_distances
from veribeat.errors import InputError

SHIFTS = (-30, -2, -1, 0, 1, 2, 30)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.2, (samples, 12)).astype(np.float32)


def walk(samples, seed=0):
    return noise(samples, seed).cumsum(axis=0).astype(np.float32)


def same_as_all_cells(one, copies, offsets):
    return moved_distances(one, copies, offsets).tobytes() == dtw_distances(one, copies).tobytes()


@pytest.mark.parametrize("make", [noise, walk])
@pytest.mark.parametrize("samples", [31, 150, 1000])
def test_copies_of_a_recording(make, samples):
    signal = make(samples)
    moved = shifted(signal, SHIFTS)
    assert same_as_all_cells(signal, moved, SHIFTS)
    assert same_as_all_cells(signal, moved + noise(samples, seed=1), SHIFTS)


@pytest.mark.parametrize("offsets", [SHIFTS, (0,) * 7, SHIFTS[::-1], (5000, -5000, 1, 1, 1, 1, 1)])
def test_no_distance_depends_on_the_offsets(offsets):
    signal = walk(60)
    assert same_as_all_cells(signal, shifted(signal, SHIFTS), offsets)


@pytest.mark.parametrize(("samples", "others"), [(1, 1), (1, 9), (9, 1), (40, 23), (23, 40)])
@pytest.mark.parametrize("offset", [-3, 0, 3])
def test_lengths_may_differ(samples, others, offset):
    assert same_as_all_cells(walk(samples), walk(others, seed=1)[None], [offset])


def test_a_signal_that_stands_still():
    flat = np.zeros((50, 12), np.float32)
    assert moved_distances(flat, shifted(flat, SHIFTS), SHIFTS).tolist() == [0] * 7
    flat[10:20] = 1
    assert same_as_all_cells(flat, shifted(flat, SHIFTS), SHIFTS)


def test_nothing_to_compare_with():
    assert moved_distances(walk(5), np.zeros((0, 5, 12), np.float32), ()).shape == (0,)


def test_what_is_refused():
    signal = walk(5)
    with pytest.raises(InputError, match="12 leads"):
        moved_distances(signal[:, :11], signal[None], [0])
    with pytest.raises(InputError, match="not finite"):
        moved_distances(signal, signal[None] + np.float32(np.inf), [0])
    with pytest.raises(ValueError, match="argument 2"):
        moved_distances(signal, signal[None], [0, 1])
