"""Checks that every metric makes of its arrays before it counts anything."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.errors import InputError


def checked_pair(
    probabilities: ArrayLike, targets: ArrayLike, classes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return probabilities (N, C) as float64 and targets (N, C) as bool, or say what is wrong.

    Raises:
        InputError: no records, shapes that disagree with each other or with `classes`, values outside [0, 1],
            targets other than 0 and 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(targets)
    if p.ndim != 2 or p.shape != y.shape or p.shape[1] != len(classes):
        raise InputError(
            f"Probabilities {p.shape} and targets {y.shape} must both be (records, {len(classes)}), "
            f"one column for each of {', '.join(classes)}."
        )
    if len(p) == 0:
        raise InputError("There are no records to evaluate; check which folds have the role.")
    if not np.all((p >= 0) & (p <= 1)):  # False for NaN, too
        row = int(np.flatnonzero(~np.all((p >= 0) & (p <= 1), axis=1))[0])
        raise InputError(f"Row {row} of the probabilities is not within [0, 1]; apply the sigmoid first.")
    if y.dtype != np.bool_ and not np.all((y == 0) | (y == 1)):
        raise InputError("Targets must be 0 or 1: one indicator column for each class.")
    return p, y.astype(np.bool_)
