"""The other distance that is called DTW: the root of the summed squares along the path, as tslearn computes it.

It is apart from `distances` because tslearn imports torch.
"""

import numpy as np
from numpy.typing import NDArray
from tslearn.metrics import cdist_dtw

from veribeat.dtw.signals import checked_pair


def squared_distances(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the root of the summed squared distances along the best path, in the unit of the input.

    This is not [CF] eq. 7, but what the library computes that [CF] 4.7.2 names; in float64.

    Args:
        one: (T, 12).
        many: (N, T2, 12).

    Raises:
        InputError: other shapes, a recording without samples, values that are not finite.
    """
    one, many = checked_pair(one, many)
    if not len(many):
        return np.zeros(0)
    distances: NDArray[np.float64] = cdist_dtw(one[None].astype(np.float64), many.astype(np.float64))[0]
    return distances
