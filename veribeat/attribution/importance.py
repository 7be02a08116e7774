"""What attributions say about leads."""

import numpy as np
from numpy.typing import NDArray

ROWS_AT_A_TIME = 256
"""12 MB."""


def lead_shares(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of each lead in the summed |attribution| of a row: (k, 1000, 12) to (k, 12), rows summing to 1.

    A share says where the attributions are large, not whether they speak for the class or against it. NaN where all
    attributions of a row are 0.
    """
    # A few rows at a time: `values` may be a memory map that is larger than the memory.
    parts = [
        np.abs(values[first : first + ROWS_AT_A_TIME]).sum(axis=1, dtype=np.float64)
        for first in range(0, max(len(values), 1), ROWS_AT_A_TIME)
    ]
    sums = np.concatenate(parts)
    totals = sums.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0)
    return shares
