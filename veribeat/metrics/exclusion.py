"""Which training records a selection excluded, as opposed to left out now and then."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXCLUDED = "dropped > 0 and dropped == considered"
"""The rule of `is_excluded`, in words of samples.csv and selection_log.csv."""


def is_excluded(dropped: ArrayLike, considered: ArrayLike) -> NDArray[np.bool_]:
    """Return (N,) bool: a record is excluded that was dropped at least once, and whenever it could be.

    Args:
        dropped: (N,), epochs in which the selection dropped the record.
        considered: (N,), epochs in which it might have.
    """
    times = np.asarray(dropped)
    excluded: NDArray[np.bool_] = (times > 0) & (times == np.asarray(considered))
    return excluded
