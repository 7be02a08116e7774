"""The arithmetic of DTW without its recursion: what no kernel of the same arithmetic can beat.

For every cell of a pair the Euclidean distance of two samples of 12 leads, summed instead of put along a path. The
order of memory, the vectors and the compiler's flags are those of `veribeat.dtw.kernel`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from veribeat.dtw.kernel import LANES, LEAD_COUNT, ROWS

Array = NDArray[np.float32]
Block = Callable[[NDArray[np.floating], NDArray[np.floating], int], NDArray[np.float64]]

_FLAGS = {"contract", "nnan", "ninf", "nsz"}


@njit(nogil=True, fastmath=_FLAGS)
def sum_by_differences(passes: Array, packed: Array) -> Array:
    """Sums (LANES,) of the distances, as our kernel computes each."""
    totals = np.zeros(LANES, np.float32)
    for number in range(len(passes)):
        rows = passes[number]
        for column in range(len(packed)):
            samples = packed[column]
            for lane in range(LANES):
                total = totals[lane]
                for row in range(ROWS):
                    squares = np.float32(0)
                    for lead in range(LEAD_COUNT):
                        difference = rows[row * LEAD_COUNT + lead] - samples[lead * LANES + lane]
                        squares += difference * difference
                    total += np.sqrt(squares)
                totals[lane] = total
    return totals


@njit(nogil=True, fastmath=_FLAGS)
def sum_by_products(passes: Array, packed: Array, row_squares: Array, column_squares: Array) -> Array:
    """The same by the expanded square: `passes` are doubled and negative, the squares are of whole samples."""
    totals = np.zeros(LANES, np.float32)
    for number in range(len(passes)):
        rows, of_rows = passes[number], row_squares[number]
        for column in range(len(packed)):
            samples, of_column = packed[column], column_squares[column]
            for lane in range(LANES):
                total = totals[lane]
                for row in range(ROWS):
                    squares = of_rows[row] + of_column[lane]
                    for lead in range(LEAD_COUNT):
                        squares += rows[row * LEAD_COUNT + lead] * samples[lead * LANES + lane]
                    total += np.sqrt(max(squares, np.float32(0)))  # rounding may leave less than 0
                totals[lane] = total
    return totals


def packs_of(many: Array) -> list[Array]:
    """Recordings (M, T, 12), LANES at a time, side by side: (T, lead x lane)."""
    if len(many) % LANES:
        raise ValueError(f"{len(many)} recordings do not fill vectors of {LANES}")
    return [
        np.ascontiguousarray(many[first : first + LANES].transpose(1, 2, 0)).reshape(many.shape[1], -1)
        for first in range(0, len(many), LANES)
    ]


def passes_of(recording: Array) -> Array:
    """A recording (T, 12), ROWS samples at a time: (T / ROWS, row x lead)."""
    return np.ascontiguousarray(recording).reshape(len(recording) // ROWS, ROWS * LEAD_COUNT)


def by_differences(one: Array, many: Array) -> Block:
    """A block that sums the distances of all cells of these records; packing is not part of it."""
    packs, rows = packs_of(many), [passes_of(recording) for recording in one]
    return _block(len(one), lambda place: [sum_by_differences(rows[place], pack) for pack in packs])


def by_products(one: Array, many: Array) -> Block:
    """The same by the expanded square."""
    packs = packs_of(many)
    of_columns = [np.square(pack).reshape(len(pack), LEAD_COUNT, LANES).sum(axis=1) for pack in packs]
    rows = [passes_of(np.float32(-2) * recording) for recording in one]
    of_rows = [np.square(recording).sum(axis=1).reshape(-1, ROWS) for recording in one]

    def sums(place: int) -> list[Array]:
        return [
            sum_by_products(rows[place], pack, of_rows[place], of_column)
            for pack, of_column in zip(packs, of_columns, strict=True)
        ]

    return _block(len(one), sums)


def _block(count: int, sums: Callable[[int], list[Array]]) -> Block:
    def block(one: NDArray[np.floating], many: NDArray[np.floating], threads: int) -> NDArray[np.float64]:
        with ThreadPoolExecutor(threads) as pool:
            return np.array(list(pool.map(sums, range(count)))).reshape(count, -1).astype(np.float64)

    return block
