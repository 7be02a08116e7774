"""Statistics of stored signals."""

import math

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import UNITS_PER_MV

_BLOCK = 512


def mean_and_std_mv(signals: NDArray[np.int16], rows: NDArray[np.integer]) -> tuple[float, float]:
    """Mean and population standard deviation in mV over all samples and leads of `rows` of `signals` (N, T, 12).

    One pair for the whole training set, as [CF] 4.2 normalises. The sums are exact integers, so the result depends
    on nothing but the records. Raises ValueError when `rows` is empty.
    """
    if not len(rows):
        raise ValueError("no records to take statistics over")
    total = squares = 0
    for start in range(0, len(rows), _BLOCK):
        block = signals[rows[start : start + _BLOCK]].astype(np.int64)
        total += int(block.sum())
        squares += int((block * block).sum())
    count = len(rows) * math.prod(signals.shape[1:])
    mean = total / count
    # Exact integer numerator: E[x^2] - E[x]^2 without cancellation.
    variance = (count * squares - total * total) / (count * count)
    return mean / UNITS_PER_MV, math.sqrt(variance) / UNITS_PER_MV
