"""What the importance threshold does to rules ([CF] A.3, Table 6)."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.rules.phar import Rule
from veribeat.rules.threshold import importance_threshold, important

MakeRule = Callable[[int, NDArray[np.bool_]], Rule]
"""Makes the rule of row i of the attributions from its important features (1000, 12)."""


def ablate(
    values: NDArray[np.float32],
    ecg_ids: NDArray[np.integer],
    percentiles: Sequence[float],
    make: MakeRule,
) -> pd.DataFrame:
    """Return one row per percentile of the importance threshold, from rules made anew for each.

    Columns: percentile; threshold on |attribution|; important_mean, features that pass it per row; features_mean and
    features_sd, conditions per rule that was found; records_with_rule, share of records that have at least one;
    precision, mean over the rules found; forwards, mean over all. Means over no rule are NaN. Whoever wants the time
    as well measures it in `make`: it is the machine's, not the rules'.

    Args:
        values: (N, 1000, 12) attributions of the sampled records, one row per record and predicted class; may be an
            HDF5 dataset.
        ecg_ids: (N,) whose row it is.
        percentiles: 0-100.
        make: how to make one rule.
    """
    return pd.DataFrame([_row(values, ecg_ids, percentile, make) for percentile in percentiles])


def _row(
    values: NDArray[np.float32], ecg_ids: NDArray[np.integer], percentile: float, make: MakeRule
) -> dict[str, float]:
    threshold = importance_threshold(values, np.arange(len(ecg_ids)), percentile)
    made = (make(row, important(values[row], threshold)) for row in range(len(ecg_ids)))
    rules = pd.DataFrame(
        [(len(rule.times), rule.kept, rule.precision, rule.forwards) for rule in made],
        columns=["features", "kept", "precision", "forwards"],
    ).assign(ecg_id=ecg_ids)
    found = rules[rules["kept"]]
    return {
        "percentile": percentile,
        "threshold": threshold,
        "important_mean": rules["features"].mean(),
        "features_mean": found["features"].mean(),
        "features_sd": found["features"].std(),
        "records_with_rule": found["ecg_id"].nunique() / rules["ecg_id"].nunique(),
        "precision": found["precision"].mean(),
        "forwards": rules["forwards"].mean(),
    }
