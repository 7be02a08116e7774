"""Which records may become prototypes ([CF] eq. 6, 4.7.1)."""

import numpy as np
from numpy.typing import NDArray


def are_candidates(targets: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (N,): records with exactly one superclass, of which the classifier predicts this one and no other.

    Args:
        targets: (N, C) true label sets.
        predicted: (N, C) predicted label sets, at calibrated thresholds.
    """
    one: NDArray[np.bool_] = targets.sum(axis=1) == 1
    right: NDArray[np.bool_] = (targets == predicted).all(axis=1)
    return one & right
