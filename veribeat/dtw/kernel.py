"""The compiled core of [CF] eq. 7: one recording against many, sixteen at a time.

A vector register holds the same sample and lead of LANES recordings, so that every instruction works on as many pairs.
ROWS samples of the one recording go along all samples of the many in one pass, which spares memory traffic. A pair of
10 s at 100 Hz takes 0.2 ms on one core with AVX-512, and half as much again in the process that compiles.

Arrays in the inner loop have one dimension and offsets known at compile time. The compiler must see that they do not
overlap, or it works on one pair at a time, ten times slower.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from veribeat.conventions import LEADS

LANES = 16
"""Pairs per pass: as many float32 as the widest vector registers hold."""

ROWS = 4
"""Samples of the one recording per pass. From 2 to 5 the time is the same; from 6 on the compiler gives up vectors."""

LEAD_COUNT = len(LEADS)
FAR = np.float32(1e30)
"""Stands for infinity, which the flags below rule out."""

# FMA, and minima in one instruction; no reordering of sums, so a pair has the same value in every lane.
FLAGS = {"contract", "nnan", "ninf", "nsz"}


@njit(nogil=True, cache=True, fastmath=FLAGS)
def distances_to_many(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """DTW distances (N,) between `one` (T, 12) and `many` (N, T2, 12), finite and C-contiguous."""
    count, columns, _ = many.shape
    passes = (len(one) + ROWS - 1) // ROWS
    rows = np.zeros((passes * ROWS, LEAD_COUNT), np.float32)  # what pads the last pass comes after the result
    rows[: len(one)] = one
    packed = np.empty((columns, LEAD_COUNT * LANES), np.float32)
    distances = np.empty((count + LANES - 1) // LANES * LANES, np.float32)
    for first in range(0, distances.size, LANES):
        _pack(many, first, packed)
        distances[first : first + LANES] = _distances_to_packed(
            rows.reshape(passes, ROWS * LEAD_COUNT), len(one), packed
        )
    return distances[:count]


@njit(nogil=True, cache=True)
def _pack(many: NDArray[np.float32], first: int, packed: NDArray[np.float32]) -> None:
    """Put recordings `first`.. of `many` side by side: packed (T2, lead x lane). Lanes left over repeat the last."""
    for lane in range(LANES):
        recording = many[min(first + lane, len(many) - 1)]
        for column in range(len(recording)):
            for lead in range(LEAD_COUNT):
                packed[column, lead * LANES + lane] = recording[column, lead]


@njit(nogil=True, cache=True, fastmath=FLAGS)
def _distances_to_packed(
    passes: NDArray[np.float32], length: int, packed: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Distances (LANES,) between one recording, passes (P, row x lead) of `length` rows in all, and the packed ones."""
    columns = len(packed)
    above = np.full((columns, LANES), FAR)  # cumulated cost at the row before the pass, per column
    left = np.empty((ROWS + 1) * LANES, np.float32)  # the same at the column before, from the row above on
    for number in range(len(passes)):
        left[:] = FAR
        if number == 0:
            left[:LANES] = 0  # where every path starts
        rows = passes[number]
        for column in range(columns):
            samples, top = packed[column], above[column]
            for lane in range(LANES):
                diagonal = left[lane]
                up = top[lane]
                left[lane] = up
                for row in range(ROWS):
                    squares = np.float32(0)
                    for lead in range(LEAD_COUNT):
                        difference = rows[row * LEAD_COUNT + lead] - samples[lead * LANES + lane]
                        squares += difference * difference
                    beside = left[(row + 1) * LANES + lane]
                    nearest = up if up < diagonal else diagonal
                    nearest = beside if beside < nearest else nearest
                    diagonal = beside
                    up = nearest + np.sqrt(squares)
                    left[(row + 1) * LANES + lane] = up
                top[lane] = up
    last = (length - 1) % ROWS + 1
    return left[last * LANES : (last + 1) * LANES]
