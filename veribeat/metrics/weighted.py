"""The metrics of `evaluate` for many weightings of the same records at once, as a bootstrap needs them.

A weight says how often a record occurs, so each weighting gives what `evaluate` gives on the records repeated that
often: counts come from a matrix product, ranks from one sort and cumulative sums, and no record is copied.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.calibration import ECE_BINS, bin_of
from veribeat.metrics.inputs import checked_pair
from veribeat.metrics.thresholds import predict_labels

FloatArray = NDArray[np.float64]
Scores = dict[tuple[str, str], FloatArray]
"""(block, metric) -> one value per weighting, NaN where undefined; keys as in metrics.json, f1_by_class.NORM."""


def weighted_scores(
    probabilities: ArrayLike,
    targets: ArrayLike,
    thresholds: ArrayLike,
    weights: ArrayLike,
    classes: Sequence[str] = SUPERCLASSES,
    ece_bins: int = ECE_BINS,
) -> Scores:
    """Return the headline metrics of `evaluate`, block by block, for every column of `weights`.

    What `evaluate` calls undefined is NaN here, and the means over classes count the classes that a weighting leaves
    defined, as there.

    Args:
        probabilities: (N, C).
        targets: (N, C) indicators.
        thresholds: (C,) of the block `calibrated`.
        weights: (N, W) whole numbers, how often each record occurs; no column is all zero.
        classes: names of the C columns.
        ece_bins: equal-width bins of the expected calibration error.

    Raises:
        InputError: no records, shapes that disagree, values outside [0, 1].
    """
    p, y = checked_pair(probabilities, targets, classes)
    w = np.asarray(weights, dtype=np.float64)  # exact up to 2^53; BLAS multiplies no integers
    blocks = {
        "at_half": _label_scores(y, predict_labels(p, 0.5), w, classes),
        "calibrated": _label_scores(y, predict_labels(p, thresholds), w, classes),
        "ranking": _ranking_scores(p, y, w, classes),
        "calibration": _calibration_scores(p, y, w, ece_bins),
    }
    return {(block, metric): values for block, scores in blocks.items() for metric, values in scores.items()}


def _label_scores(
    y: NDArray[np.bool_], z: NDArray[np.bool_], weights: FloatArray, classes: Sequence[str]
) -> dict[str, FloatArray]:
    """See `classification.label_metrics`, of which these are the headline figures."""
    both, either = (y & z).sum(axis=1), (y | z).sum(axis=1)
    of_records = np.column_stack(
        [
            (y ^ z).mean(axis=1),
            both == either,  # the two label sets are the same
            _ratio(both, either, undefined=0.0),
        ]
    )
    hamming, exact, jaccard = _mean_over_records(of_records, weights).T
    true_positive, predicted, present = (weights.T @ counted.astype(np.float64) for counted in (y & z, z, y))
    f1 = _ratio(2 * true_positive, predicted + present)
    return {
        "f1_macro": _mean_of_defined(f1),
        "f1_micro": _ratio(2 * true_positive.sum(axis=1), (predicted + present).sum(axis=1)),
        # a class without F1 has no record, so no weight
        "f1_weighted": _ratio((np.nan_to_num(f1) * present).sum(axis=1), present.sum(axis=1)),
        "jaccard": jaccard,
        "hamming_loss": hamming,
        "exact_match": exact,
        **{f"f1_by_class.{name}": values for name, values in zip(classes, f1.T, strict=True)},
    }


def _ranking_scores(
    p: FloatArray, y: NDArray[np.bool_], weights: FloatArray, classes: Sequence[str]
) -> dict[str, FloatArray]:
    areas = [_ranking_areas(p[:, c], y[:, c], weights) for c in range(len(classes))]
    auroc, auprc = (np.column_stack(area) for area in zip(*areas, strict=True))
    return {
        "auroc_macro": _mean_of_defined(auroc),
        "auprc_macro": _mean_of_defined(auprc),
        **{f"auroc_by_class.{name}": values for name, values in zip(classes, auroc.T, strict=True)},
    }


def _ranking_areas(p: FloatArray, y: NDArray[np.bool_], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """AUROC and average precision of one class, each (W,), for p and y of (N,).

    Records of equal probability are one step of the curve, as in scikit-learn. AUROC is the share of pairs (record
    with the class, record without it) in the right order, a tie counting one half.
    """
    order = np.argsort(-p, kind="stable")
    starts = np.flatnonzero(np.diff(-p[order], prepend=-np.inf))  # of the groups of equal probability
    records = np.add.reduceat(weights[order], starts, axis=0)
    positives = np.add.reduceat(weights[order] * y[order, None], starts, axis=0)
    negatives = records - positives
    true_positive, called = positives.cumsum(axis=0), records.cumsum(axis=0)
    present, absent = true_positive[-1], called[-1] - true_positive[-1]
    ordered_pairs = np.einsum("gw,gw->w", negatives, true_positive - positives / 2)
    auroc = _ratio(ordered_pairs, present * absent)
    precision = _ratio(true_positive, called, undefined=0.0)  # where called is 0, positives are 0, too
    auprc = _ratio(np.einsum("gw,gw->w", positives, precision), present)
    return auroc, np.where(np.isnan(auroc), np.nan, auprc)


def _calibration_scores(
    p: FloatArray, y: NDArray[np.bool_], weights: FloatArray, bins: int
) -> dict[str, FloatArray]:
    """See `calibration.expected_calibration_error`: a bin's gap times its records is a sum of y - p over them."""
    ece = [
        np.abs(_mean_over_records(np.eye(bins)[bin_of(p_class, bins)] * residual[:, None], weights)).sum(
            axis=1
        )
        for p_class, residual in zip(p.T, (y - p).T, strict=True)
    ]
    brier = _mean_over_records((y - p) ** 2, weights)
    return {"ece": np.mean(ece, axis=0), "brier": brier.mean(axis=1)}


def _mean_over_records(values: FloatArray, weights: FloatArray) -> FloatArray:
    """(W, K) weighted means of values (N, K)."""
    return np.asarray(weights.T @ values / weights.sum(axis=0)[:, None], dtype=np.float64)


def _mean_of_defined(values: FloatArray) -> FloatArray:
    """(W,) means over the classes of values (W, C) that are not NaN."""
    return _ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))


def _ratio(numerator: ArrayLike, denominator: ArrayLike, undefined: float = np.nan) -> FloatArray:
    below = np.asarray(denominator)
    quotient: FloatArray = np.divide(numerator, below, out=np.full(below.shape, undefined), where=below > 0)
    return quotient
