"""Decision thresholds per class: found on validation data, applied everywhere ([CF] A.2).

All comparisons of a probability with a threshold go through `predict_labels`. It compares in float64, because
the outcome at equality depends on the type: float32 0.7 is below 0.7 in float64 but equal to it once the
threshold, too, is rounded to float32.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.inputs import checked_pair


def threshold_grid(step: float = 0.001) -> NDArray[np.float64]:
    """Return 0, step .. 1 as exact quotients k / n, so that 0.307 is the float that prints as 0.307.

    Raises:
        InputError: the step does not divide 1 into equal parts.
    """
    parts = round(1 / step) if 0 < step <= 1 else 0
    if parts == 0 or abs(parts * step - 1) > 1e-9:
        raise InputError(f"The threshold step {step} must divide 1 into equal parts, for example 0.001.")
    return np.arange(parts + 1) / parts


def predict_labels(probabilities: ArrayLike, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Return (..., C) bool: a class is present where p >= t, both taken as float64 ([CF] A.2).

    Args:
        probabilities: (..., C), any floating type.
        thresholds: (C,), or one number for every class.
    """
    predicted: NDArray[np.bool_] = np.greater_equal(
        np.asarray(probabilities, dtype=np.float64), np.asarray(thresholds, dtype=np.float64)
    )
    return predicted


def calibrate_thresholds(
    probabilities: ArrayLike,
    targets: ArrayLike,
    step: float = 0.001,
    classes: Sequence[str] = SUPERCLASSES,
) -> NDArray[np.float64]:
    """Return the threshold of each class, (C,), that maximises its binary F1; the lowest on ties ([CF] A.2).

    Args:
        probabilities: (N, C) on validation records.
        targets: (N, C) indicators.
        step: grid step; thresholds are 0, step .. 1.
        classes: names of the columns, for the error message.

    Raises:
        InputError: a class has no positive record (its F1 is 0 or undefined everywhere), or bad input.
    """
    p, y = checked_pair(probabilities, targets, classes)
    grid = threshold_grid(step)
    without = [name for name, column in zip(classes, y.T, strict=True) if not column.any()]
    if without:
        raise InputError(
            f"No threshold can be calibrated for {', '.join(without)}: the validation set has no record with "
            "that label; use more records or other validation folds."
        )
    return np.array([grid[np.argmax(_f1_on_grid(p[:, c], y[:, c], grid))] for c in range(p.shape[1])])


def _f1_on_grid(
    p: NDArray[np.float64], y: NDArray[np.bool_], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """F1 of one class at every threshold of the grid: 2 TP / (predicted + present).

    Counts are integers, so thresholds with equal F1 get the very same float and argmax takes the lowest.
    """
    predicted = len(p) - np.searchsorted(np.sort(p), grid, side="left")
    true_positive = int(y.sum()) - np.searchsorted(np.sort(p[y]), grid, side="left")
    return np.asarray(2 * true_positive / (predicted + int(y.sum())), dtype=np.float64)
