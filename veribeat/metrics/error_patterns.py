"""Which label sets are taken for which: [CF] Table 5."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import SUPERCLASSES

NO_LABEL = "none"
"""How the empty label set is written: a word, because an empty CSV cell reads back as a missing value."""


def label_set_names(labels: ArrayLike, classes: Sequence[str] = SUPERCLASSES) -> NDArray[np.str_]:
    """Return (N,) names of label sets (N, C) as in [CF] Table 5: "CD, NORM", in alphabetical order."""
    order = sorted(range(len(classes)), key=lambda c: classes[c])
    rows = np.asarray(labels, dtype=bool)
    names = [", ".join(classes[c] for c in order if row[c]) or NO_LABEL for row in rows]
    return np.array(names, dtype=np.str_)


def error_patterns(
    targets: ArrayLike,
    predicted: ArrayLike,
    classes: Sequence[str] = SUPERCLASSES,
    at_least_percent: float = 1.0,
) -> pd.DataFrame:
    """Return the wrong predictions, true set -> predicted set, most frequent first ([CF] Table 5).

    Args:
        targets: (N, C) true labels.
        predicted: (N, C) predicted labels.
        classes: names of the columns.
        at_least_percent: leave out patterns rarer than this share of all records, right or wrong.

    Returns:
        Columns true, predicted, count (of records), percent (of all N records); ties sorted by name.
    """
    true_names, predicted_names = label_set_names(targets, classes), label_set_names(predicted, classes)
    table = pd.DataFrame({"true": true_names, "predicted": predicted_names})
    wrong = table[table["true"] != table["predicted"]]
    counts = wrong.groupby(["true", "predicted"]).size().rename("count").astype("int64").reset_index()
    counts["percent"] = 100 * counts["count"] / max(len(table), 1)
    # in whole records, so that 1% of 2,000 is not lost to rounding
    frequent = counts[counts["count"] * 100 >= at_least_percent * len(table)]
    order = ["count", "true", "predicted"]
    return frequent.sort_values(order, ascending=[False, True, True], ignore_index=True)
