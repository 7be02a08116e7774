"""DTW distances ([CF] eq. 7) between a recording and copies of it that are moved in time: a small part of the cells.

The path that undoes the move is known and cheap, and no cell whose cumulated cost exceeds the cost of a known path is
on the best one (pruning as in Silva and Batista, "Speeding up all-pairwise dynamic time warping matrix calculation",
2016). Costs are added in the order of `kernel`, and a rounded sum never falls where a summand grows, so that the result
is the kernel's to the bit.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from veribeat.dtw.kernel import FAR, FLAGS, LEAD_COUNT
from veribeat.dtw.signals import checked_pair

_compiled = njit(nogil=True, cache=True, fastmath=FLAGS)


def moved_distances(
    one: NDArray[np.float32], copies: NDArray[np.float32], offsets: Sequence[int]
) -> NDArray[np.float64]:
    """Return what `dtw_distances` returns, to the bit: the sooner, the more a copy is `one`, later by its offset.

    Args:
        one: (T, 12).
        copies: (N, T2, 12), all of one length, which may differ from T.
        offsets: N numbers of samples, negative where the copy is earlier. No result depends on them.

    Raises:
        InputError: as `dtw_distances`.
        ValueError: not as many offsets as copies.
    """
    one, copies = checked_pair(one, copies)
    return np.array(
        [_distance(one, copy, offset) for copy, offset in zip(copies, offsets, strict=True)], dtype=np.float64
    )


@_compiled
def _distance(one: NDArray[np.float32], other: NDArray[np.float32], offset: int) -> np.float32:
    """DTW distance between `one` (T, 12) and `other` (T2, 12)."""
    bound = _cost_of_move(one, other, offset)
    columns = len(other)
    # Cumulated costs at the row before, by column + 1; FAR where they exceed the bound. Those that do not are at
    # begin <= place < end. Place 0 is where every path starts.
    costs = np.full(columns + 1, FAR)
    costs[0] = 0
    begin, end = 0, 1
    for row in range(len(one)):
        first = max(begin, 1)
        diagonal, left = costs[first - 1], FAR
        costs[0] = FAR
        begin, before, end = columns + 1, end, 0
        for place in range(first, columns + 1):
            if place > before and left > bound:
                break
            up = costs[place]
            nearest = up if up < diagonal else diagonal
            nearest = left if left < nearest else nearest
            left = FAR
            if nearest <= bound:
                cost = nearest + _norm(one[row], other[place - 1])
                if cost <= bound:
                    left = cost
                    begin, end = min(begin, place), place + 1
            diagonal = up
            costs[place] = left
    return np.float32(costs[columns])


@_compiled
def _cost_of_move(one: NDArray[np.float32], other: NDArray[np.float32], offset: int) -> np.float32:
    """Cost of the path along `other` alone for `offset` samples (`one`, if negative), along both, and to both ends."""
    row, column = 0, 0
    last_row, last_column = len(one) - 1, len(other) - 1
    cost = _norm(one[0], other[0])
    while row < last_row or column < last_column:
        move_row = row < last_row and (row > 0 or column >= min(offset, last_column))
        move_column = column < last_column and (column > 0 or row >= min(-offset, last_row))
        row += move_row
        column += move_column
        cost += _norm(one[row], other[column])
    return cost


@_compiled
def _norm(one: NDArray[np.float32], other: NDArray[np.float32]) -> np.float32:
    """Euclidean distance between two samples (12,), added up as in `kernel`."""
    squares = np.float32(0)
    for lead in range(LEAD_COUNT):
        difference = one[lead] - other[lead]
        squares += difference * difference
    return np.float32(np.sqrt(squares))
