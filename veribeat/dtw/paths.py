"""Warping paths, for figures and for the question why a prototype is the nearest."""

import numpy as np
from numpy.typing import NDArray
from tslearn.metrics import dtw_path_from_metric

from veribeat.dtw.signals import checked_pair


def warping_path(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the best warping path of [CF] eq. 7: (steps, 2), the samples of `one` and `other` that are matched.

    Args:
        one: (T, 12).
        other: (T2, 12), in the same unit.

    Raises:
        InputError: other shapes, a recording without samples, values that are not finite.
    """
    one, others = checked_pair(one, np.asarray(other)[None])
    path, _ = dtw_path_from_metric(one.astype(np.float64), others[0].astype(np.float64), metric="euclidean")
    return np.array(path, dtype=np.int64)
