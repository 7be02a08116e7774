"""Two ways to train, each with several seeds, compared on the same patients.

Patients are drawn as in `veribeat.metrics.bootstrap`; in each draw a metric is that of every seed, averaged over seeds,
and the difference is that of the same draw. So an interval says how far a difference moves with other patients; with a
few seeds it says little about other seeds, whose spread is given beside it.

ECE is moved to where its estimate is, arm by arm, for the reason that `bootstrap` gives.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from veribeat.errors import InputError
from veribeat.metrics.bootstrap import (
    RESAMPLES_AT_A_TIME,
    WIDENED_BY_NOISE,
    Bootstrap,
    patient_weights,
    percentile_interval,
)
from veribeat.metrics.weighted import Scores, weighted_scores


@dataclass(frozen=True)
class SeedScores:
    """Metrics of one way to train: (block, metric) -> values.

    `estimates` (S,), one per seed, on all records; `resampled` (R,), averaged over seeds, one per draw of patients.
    NaN where a metric is undefined, for the mean over seeds if it is so for one of them. `draws` stands for the records
    and the draws of their patients: only scores in which it is the same are paired.
    """

    estimates: Scores
    resampled: Scores
    draws: str


def resampled_scores(
    probabilities: Sequence[ArrayLike],
    thresholds: Sequence[ArrayLike],
    targets: ArrayLike,
    patients: ArrayLike,
    bootstrap: Bootstrap,
) -> SeedScores:
    """Metrics of every seed, and of every draw of patients.

    Args:
        probabilities: per seed (N, C).
        thresholds: per seed (C,).
        targets: (N, C) indicators, the same for all seeds.
        patients: (N,) whose record it is.
        bootstrap: how to draw; the same draws whatever the probabilities.

    Raises:
        InputError: no seed, or numbers of seeds or records that disagree.
    """
    if not len(probabilities) or len(probabilities) != len(thresholds):
        raise InputError(
            f"There are probabilities of {len(probabilities)} seeds and thresholds of {len(thresholds)}; give as many,"
            " and at least one."
        )
    records = len(np.asarray(patients))
    pairs = list(zip(probabilities, thresholds, strict=True))

    def of_seeds(weights: NDArray[np.int64]) -> list[Scores]:
        return [weighted_scores(p, targets, cut, weights) for p, cut in pairs]

    alone = of_seeds(np.ones((records, 1), dtype=np.int64))
    estimates = {key: np.array([scores[key][0] for scores in alone]) for key in alone[0]}
    generator = np.random.default_rng(bootstrap.seed)
    parts: list[Scores] = []
    for first in range(0, bootstrap.resamples, RESAMPLES_AT_A_TIME):
        size = min(RESAMPLES_AT_A_TIME, bootstrap.resamples - first)
        drawn = of_seeds(patient_weights(patients, size, generator))
        parts.append({key: np.mean([scores[key] for scores in drawn], axis=0) for key in estimates})
    resampled = {key: np.concatenate([part[key] for part in parts]) for key in estimates}
    for key in WIDENED_BY_NOISE:
        moved = resampled[key].mean() - estimates[key].mean()
        resampled[key] = np.maximum(resampled[key] - moved, 0)
    return SeedScores(estimates, resampled, _draws(targets, patients, bootstrap))


def seed_averages(scores: SeedScores, level: float) -> pd.DataFrame:
    """A row per metric: block, metric, estimate (mean over seeds), low, high, seed_sd (NaN for one seed)."""
    rows = [
        (
            *key,
            values.mean(),
            *percentile_interval(scores.resampled[key], level),
            values.std(ddof=1) if len(values) > 1 else np.nan,
        )
        for key, values in scores.estimates.items()
    ]
    return pd.DataFrame(rows, columns=["block", "metric", "estimate", "low", "high", "seed_sd"])


def paired_difference(one: SeedScores, other: SeedScores, level: float) -> pd.DataFrame:
    """A row per metric of `one` minus `other`: block, metric, estimate, low, high, share_above_zero.

    Both must be of the same records and draws; `share_above_zero` is that of the draws in which `one` is higher.

    Raises:
        InputError: they are of other records, patients or draws.
    """
    if one.draws != other.draws:
        raise InputError(
            "Scores of different records or draws cannot be paired: draw both from the same with the same settings."
        )
    rows = []
    for key, values in one.estimates.items():
        difference = one.resampled[key] - other.resampled[key]
        defined = difference[~np.isnan(difference)]
        rows.append(
            (
                *key,
                values.mean() - other.estimates[key].mean(),
                *percentile_interval(difference, level),
                (defined > 0).mean() if len(defined) else np.nan,
            )
        )
    return pd.DataFrame(rows, columns=["block", "metric", "estimate", "low", "high", "share_above_zero"])


def _draws(targets: ArrayLike, patients: ArrayLike, bootstrap: Bootstrap) -> str:
    """SHA-256 of what makes two sets of scores comparable; the level is none of it."""
    records = np.packbits(np.asarray(targets, dtype=bool)).tobytes()
    # Patients are drawn by their place among the sorted names.
    drawn_from = np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.int64).tobytes()
    settings = f"{bootstrap.resamples} {bootstrap.seed} ".encode()
    return hashlib.sha256(settings + drawn_from + records).hexdigest()
