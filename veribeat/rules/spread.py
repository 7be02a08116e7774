"""How much each feature varies between records: the reach of its perturbation ([CF] eq. 4)."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import UNITS_PER_MV

_BLOCK = 512


def feature_std_mv(signals: NDArray[np.int16], rows: NDArray[np.integer]) -> NDArray[np.float64]:
    """Population standard deviation in mV over `rows` of `signals` (N, T, 12), for each sample and lead: (T, 12).

    Not to be mixed up with `signal.statistics.mean_and_std_mv`, one pair for all features. The sums are exact
    integers. Raises ValueError when `rows` is empty.
    """
    if not len(rows):
        raise ValueError("no records to take statistics over")
    total = np.zeros(signals.shape[1:], dtype=np.int64)
    squares = np.zeros_like(total)
    for start in range(0, len(rows), _BLOCK):
        block = signals[rows[start : start + _BLOCK]].astype(np.int64)
        total += block.sum(axis=0)
        squares += (block * block).sum(axis=0)
    # int16 squared fits 2^30: the products stay below 2^63 for up to 90,000 records.
    count = len(rows)
    deviations: NDArray[np.float64] = np.sqrt(count * squares - total * total) / (count * UNITS_PER_MV)
    return deviations
