"""The population stability index: how much a distribution has moved, whatever the number of records.

The sum over bins of (q - p) ln(q / p), with p and q the shares of the old and the new records: the symmetrised
Kullback-Leibler divergence. By custom below 0.1 nothing has happened, and from 0.2 on something has.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.errors import InputError

BINS = 10
SMOOTHING = 0.5
"""Records added to each bin, so that an empty one has a logarithm."""


def quantile_bins(reference: ArrayLike, new: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of both samples, (n,) and (m,) finite numbers, in bins between the deciles of `reference`.

    Values that repeat merge bins, down to one for a constant. Raises InputError when a sample is empty.
    """
    old, fresh = np.asarray(reference, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if not len(old) or not len(fresh):
        raise InputError("A distribution of no record cannot be compared with another one.")
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1) for x in (old, fresh)
    ]
    return counts[0].astype(np.int64), counts[1].astype(np.int64)


def stability_index(reference: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    """The index of two lists of counts in the same bins, less what chance alone makes of it, at least 0.

    Without any difference its expectation is about (bins - 1) (1/n + 1/m), which is a tenth for a device with a hundred
    records: that much is taken off.
    """
    n, m = reference.sum(), new.sum()
    p = (reference + SMOOTHING) / (n + SMOOTHING * len(reference))
    q = (new + SMOOTHING) / (m + SMOOTHING * len(new))
    by_chance = (len(reference) - 1) * (1 / n + 1 / m)
    return max(0.0, float(((q - p) * np.log(q / p)).sum() - by_chance))
