"""Stretches of samples that share a property."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Run(NamedTuple):
    """Consecutive samples: index of the first, and how many."""

    start: int
    length: int


def longest_run(mask: NDArray[np.bool_]) -> Run:
    """The longest stretch of True in `mask` (samples,), the first of equals; Run(0, 0) where nothing is True."""
    edges = np.diff(mask.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return Run(0, 0)
    longest = int(np.argmax(ends - starts))
    return Run(int(starts[longest]), int(ends[longest] - starts[longest]))
