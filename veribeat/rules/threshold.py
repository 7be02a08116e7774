"""Which features are important: one cutoff for all records and classes ([CF] eq. 1-3)."""

import numpy as np
from numpy.typing import NDArray

from veribeat.errors import InputError

_BLOCK = 128


def importance_threshold(values: NDArray[np.float32], rows: NDArray[np.integer], percentile: float) -> float:
    """Return the percentile (0-100, linear interpolation) of |attribution| over all features of `rows` ([CF] eq. 1-2).

    `values` (N, 1000, 12) may be an HDF5 dataset; its rows are read in blocks, and one copy of the chosen ones is in
    memory. [CF] 4.6.1 takes the rows of predicted classes only.

    Raises InputError when there are no rows, or an attribution is not a number.
    """
    if not len(rows):
        raise InputError(
            "There are no attributions to take an importance threshold over; check the pool's folds."
        )
    ordered = np.sort(rows)  # as HDF5 requires
    magnitudes = np.empty((len(rows), *values.shape[1:]), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = values[ordered[start : start + _BLOCK]]
        np.abs(block, out=magnitudes[start : start + len(block)])
    threshold = float(np.percentile(magnitudes.ravel(), percentile, overwrite_input=True))
    if np.isnan(threshold):
        raise InputError("Some attributions are not numbers; run the stage attribute again.")
    return threshold


def important(values: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Return where |attribution| >= threshold ([CF] eq. 3), in the shape of `values`."""
    return np.asarray(np.abs(values) >= threshold)
