"""Multi-label classification metrics ([CF] A.1-A.2 and more), at 0.5 and at calibrated thresholds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as sk

from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.calibration import ECE_BINS, brier_score, expected_calibration_error
from veribeat.metrics.inputs import checked_pair
from veribeat.metrics.thresholds import predict_labels

Json = dict[str, object]
"""A block of metrics: numbers, null where a metric is undefined, and nested blocks."""

CLASS_SCORES = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}


def evaluate(
    probabilities: ArrayLike,
    targets: ArrayLike,
    thresholds: ArrayLike,
    classes: Sequence[str] = SUPERCLASSES,
    ece_bins: int = ECE_BINS,
) -> Json:
    """Return every metric of one set of records.

    Blocks: `records`, `positives` (per class), `at_half`, `calibrated`, `ranking`, `calibration`. A metric
    that the records leave undefined (AUROC of a class that none or all of them have, precision of a class
    never predicted) is None, and the means over classes count only the classes where it is defined.

    Args:
        probabilities: (N, C).
        targets: (N, C) indicators.
        thresholds: (C,) calibrated thresholds; `at_half` uses 0.5 for every class ([CF] A.1).
        classes: names of the columns.
        ece_bins: equal-width bins of the expected calibration error.

    Raises:
        InputError: no records, shapes that disagree, values outside [0, 1].
    """
    p, y = checked_pair(probabilities, targets, classes)
    ece = expected_calibration_error(p, y, ece_bins, classes)
    brier = brier_score(p, y, classes)
    return {
        "records": len(p),
        "positives": {name: int(n) for name, n in zip(classes, y.sum(axis=0), strict=True)},
        "at_half": label_metrics(y, predict_labels(p, 0.5), classes),
        "calibrated": label_metrics(y, predict_labels(p, thresholds), classes),
        "ranking": ranking_metrics(p, y, classes),
        "calibration": {
            "ece": float(ece.mean()),
            "ece_by_class": _by_class(ece, classes),
            "brier": float(brier.mean()),
            "brier_by_class": _by_class(brier, classes),
        },
    }


def label_metrics(targets: ArrayLike, predicted: ArrayLike, classes: Sequence[str] = SUPERCLASSES) -> Json:
    """Return the metrics of predicted label sets, (N, C) bool, against the true ones.

    - `hamming_loss`; `hamming_accuracy` is 1 - Hamming loss, which [CF] A.1 calls "exact-match accuracy";
    - `exact_match`: share of records whose whole label set is right;
    - `jaccard`: mean over records of |true and predicted| / |true or predicted|. [CF] does not name its mean.
      Its 0.6754 cannot be the micro Jaccard, which is F1/(2 - F1) = 0.5822 at its micro F1, nor plausibly a
      mean over classes (a class with F1 0.70 has Jaccard 0.54); the mean over records is what is left. A
      record with neither true nor predicted labels scores 0, scikit-learn's default (2% have no label);
    - `f1_micro`, `f1_macro`, `f1_weighted` (by the number of true positives);
    - per class F1, precision, recall.
    """
    y = np.asarray(targets, dtype=bool)
    z = np.asarray(predicted, dtype=bool)
    hamming = float(sk.hamming_loss(y, z))
    by_class = {
        name: np.asarray(score(y, z, average=None, zero_division=np.nan), dtype=np.float64)
        for name, score in CLASS_SCORES.items()
    }
    return {
        "hamming_loss": hamming,
        "hamming_accuracy": 1 - hamming,
        "exact_match": float(sk.accuracy_score(y, z)),
        "jaccard": float(sk.jaccard_score(y, z, average="samples", zero_division=0)),
        "f1_micro": _number(sk.f1_score(y, z, average="micro", zero_division=np.nan)),
        "f1_macro": _mean_of_defined(by_class["f1"]),
        "f1_weighted": _f1_weighted(y, z),
        **{f"{name}_by_class": _by_class(values, classes) for name, values in by_class.items()},
    }


def ranking_metrics(
    probabilities: ArrayLike, targets: ArrayLike, classes: Sequence[str] = SUPERCLASSES
) -> Json:
    """Return AUROC and AUPRC (average precision), macro and per class: no threshold is involved.

    Both need records with and without the class; `classes_defined` says how many classes the means cover.
    """
    p, y = checked_pair(probabilities, targets, classes)
    defined = y.any(axis=0) & ~y.all(axis=0)
    auprc = np.full(len(classes), np.nan)
    for c in np.flatnonzero(defined):
        auprc[c] = sk.average_precision_score(y[:, c], p[:, c])
    auroc = auroc_by_class(p, y, classes)
    return {
        "auroc_macro": _mean_of_defined(np.array(list(auroc.values()), dtype=np.float64)),
        "auroc_by_class": auroc,
        "auprc_macro": _mean_of_defined(auprc),
        "auprc_by_class": _by_class(auprc, classes),
        "classes_defined": int(defined.sum()),
    }


def auroc_by_class(
    probabilities: ArrayLike, targets: ArrayLike, classes: Sequence[str] = SUPERCLASSES
) -> dict[str, float | None]:
    """Return the area under the ROC curve of each class; None where none or all of the records have it."""
    p, y = checked_pair(probabilities, targets, classes)
    area = np.full(len(classes), np.nan)
    for c in np.flatnonzero(y.any(axis=0) & ~y.all(axis=0)):
        area[c] = sk.roc_auc_score(y[:, c], p[:, c])
    return _by_class(area, classes)


def roc_points(
    probabilities: ArrayLike,
    targets: ArrayLike,
    classes: Sequence[str] = SUPERCLASSES,
    most: int | None = None,
) -> pd.DataFrame:
    """Return the one-versus-rest ROC curves ([CF] Fig 7): class, false_positive_rate, true_positive_rate.

    A class that none or all of the records have has no curve and no rows. With `most` each curve is thinned
    to at most that many of its points, evenly spaced along its length (|dx| + |dy|), both ends kept.
    """
    p, y = checked_pair(probabilities, targets, classes)
    tables = [pd.DataFrame({"class": [], "false_positive_rate": [], "true_positive_rate": []})]
    for c in np.flatnonzero(y.any(axis=0) & ~y.all(axis=0)).tolist():
        false_rate, true_rate, _ = sk.roc_curve(y[:, c], p[:, c])
        if most is not None and len(false_rate) > most:
            length = false_rate + true_rate  # both only grow, so this is the length walked so far
            kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], most)))
            false_rate, true_rate = false_rate[kept], true_rate[kept]
        tables.append(
            pd.DataFrame(
                {"class": classes[c], "false_positive_rate": false_rate, "true_positive_rate": true_rate}
            )
        )
    return pd.concat(tables[1:] or tables, ignore_index=True)


def rounded(block: Mapping[str, object], digits: int = 6) -> Json:
    """Return the block with every float rounded, for files: the last digits of a float are not results."""
    return {key: _rounded(value, digits) for key, value in block.items()}


def _rounded(value: object, digits: int) -> object:
    if isinstance(value, Mapping):
        return rounded(value, digits)
    return round(value, digits) if isinstance(value, float) else value


def _f1_weighted(targets: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float | None:
    if not targets.any():  # every weight is 0
        return None
    return _number(sk.f1_score(targets, predicted, average="weighted", zero_division=np.nan))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _by_class(values: NDArray[np.float64], classes: Sequence[str]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in zip(classes, values, strict=True)}


def _mean_of_defined(values: NDArray[np.float64]) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
