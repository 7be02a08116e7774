"""Do probabilities mean what they say: reliability bins, expected calibration error, Brier score."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.inputs import checked_pair

ECE_BINS = 15
"""Equal-width bins of [0, 1]: the number of Guo et al. 2017, On Calibration of Modern Neural Networks."""


def reliability_bins(
    probabilities: ArrayLike,
    targets: ArrayLike,
    bins: int = ECE_BINS,
    classes: Sequence[str] = SUPERCLASSES,
) -> pd.DataFrame:
    """Return one row per class and equal-width bin [k/bins, (k+1)/bins), the last one closed.

    Columns: class, bin, low, high, records, mean_probability, observed_frequency; the last two are NaN in an
    empty bin.
    """
    p, y = checked_pair(probabilities, targets, classes)
    edges = np.arange(bins + 1) / bins
    tables = []
    for name, p_class, y_class in zip(classes, p.T, y.T, strict=True):
        # searchsorted on the printed edges rather than floor(p * bins), which may round across an edge
        index = np.clip(np.searchsorted(edges, p_class, side="right") - 1, 0, bins - 1)
        records = np.bincount(index, minlength=bins)
        divisor = np.where(records > 0, records, np.nan)
        tables.append(
            pd.DataFrame(
                {
                    "class": name,
                    "bin": np.arange(bins),
                    "low": edges[:-1],
                    "high": edges[1:],
                    "records": records,
                    "mean_probability": np.bincount(index, p_class, bins) / divisor,
                    "observed_frequency": np.bincount(index, y_class, bins) / divisor,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def expected_calibration_error(
    probabilities: ArrayLike,
    targets: ArrayLike,
    bins: int = ECE_BINS,
    classes: Sequence[str] = SUPERCLASSES,
) -> NDArray[np.float64]:
    """Return (C,): per class, the mean over records of |observed frequency - mean probability| of their bin.

    Each class is a yes-or-no question of its own, unlike the top-label ECE of single-label tasks.
    """
    table = reliability_bins(probabilities, targets, bins, classes)
    gap = (table["observed_frequency"] - table["mean_probability"]).abs().fillna(0.0)
    weighted = (gap * table["records"]).to_numpy().reshape(len(classes), bins).sum(axis=1)
    return np.asarray(weighted / len(np.asarray(targets)), dtype=np.float64)


def brier_score(
    probabilities: ArrayLike, targets: ArrayLike, classes: Sequence[str] = SUPERCLASSES
) -> NDArray[np.float64]:
    """Return (C,): per class, the mean of (p - y)^2; 0 is perfect, 0.25 is what p = 0.5 gets."""
    p, y = checked_pair(probabilities, targets, classes)
    return np.asarray(np.mean((p - y) ** 2, axis=0), dtype=np.float64)
