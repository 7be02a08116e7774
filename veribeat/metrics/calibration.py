"""Do probabilities mean what they say: reliability bins, expected calibration error, Brier score."""

from collections.abc import Sequence
from statistics import NormalDist

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

    Columns: class, bin, low, high, records, mean_probability, observed_frequency, frequency_low and
    frequency_high; the last four are NaN in an empty bin. The bounds are Wilson's 95 % interval of the
    frequency, which takes records as independent, also those of one patient.
    """
    p, y = checked_pair(probabilities, targets, classes)
    edges = np.arange(bins + 1) / bins
    tables = []
    for name, p_class, y_class in zip(classes, p.T, y.T, strict=True):
        index = bin_of(p_class, bins)
        records = np.bincount(index, minlength=bins)
        divisor = np.where(records > 0, records, np.nan)
        frequency = np.bincount(index, y_class, bins) / divisor
        low, high = _wilson_interval(frequency, divisor)
        tables.append(
            pd.DataFrame(
                {
                    "class": name,
                    "bin": np.arange(bins),
                    "low": edges[:-1],
                    "high": edges[1:],
                    "records": records,
                    "mean_probability": np.bincount(index, p_class, bins) / divisor,
                    "observed_frequency": frequency,
                    "frequency_low": low,
                    "frequency_high": high,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def bin_of(probabilities: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability (N,): [k/bins, (k+1)/bins) is bin k, and 1 belongs to the last one."""
    # searchsorted on the printed edges rather than floor(p * bins), which may round across an edge
    edges = np.arange(bins + 1) / bins
    return np.clip(np.searchsorted(edges, probabilities, side="right") - 1, 0, bins - 1)


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


def calibration_error_by_chance(
    probabilities: ArrayLike, draws: int, seed: int, bins: int = ECE_BINS
) -> float:
    """Return the ECE, mean over classes, that these probabilities (N, C) would get if every one of them was right.

    It is not 0, because the frequency in a bin of few records strays from its probability. An ECE shows an
    error only well beyond this figure, which right probabilities exceed about every other time, and groups of
    different size must not be compared without it.

    Args:
        probabilities: (N, C).
        draws: sets of targets drawn from the probabilities; the result is their mean ECE.
        seed: of the draws.
        bins: equal-width bins.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    index = bin_of(p, bins) + bins * np.arange(p.shape[1])
    generator = np.random.default_rng(seed)
    gaps = [
        np.abs(np.bincount(index.ravel(), ((generator.random(p.shape) < p) - p).ravel())).sum()
        for _ in range(draws)
    ]
    return float(np.mean(gaps) / p.size)


def brier_score(
    probabilities: ArrayLike, targets: ArrayLike, classes: Sequence[str] = SUPERCLASSES
) -> NDArray[np.float64]:
    """Return (C,): per class, the mean of (p - y)^2; 0 is perfect, 0.25 is what p = 0.5 gets."""
    p, y = checked_pair(probabilities, targets, classes)
    return np.asarray(np.mean((p - y) ** 2, axis=0), dtype=np.float64)


def _wilson_interval(
    frequency: NDArray[np.float64], records: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of the probabilities that a frequency does not contradict at the 95 % level (Wilson 1927)."""
    z_squared = NormalDist().inv_cdf(0.975) ** 2
    centre = frequency + z_squared / (2 * records)
    half = np.sqrt(z_squared * (frequency * (1 - frequency) + z_squared / (4 * records)) / records)
    below = 1 + z_squared / records
    return np.clip((centre - half) / below, 0, 1), np.clip((centre + half) / below, 0, 1)
