"""The same metrics for groups of patients: women and men, the young and the old, one device and another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.bootstrap import Bootstrap, bootstrap_intervals
from veribeat.metrics.calibration import calibration_error_by_chance
from veribeat.metrics.inputs import checked_pair

SUBGROUP_METRICS = {
    "f1_macro": "calibrated",
    "auroc_macro": "ranking",
    "hamming_loss": "calibrated",
    "ece": "calibration",
}
"""Metric -> its block of `evaluate`."""


def subgroup_table(
    probabilities: ArrayLike,
    targets: ArrayLike,
    patients: ArrayLike,
    groups: pd.DataFrame,
    thresholds: ArrayLike,
    bootstrap: Bootstrap,
    classes: Sequence[str] = SUPERCLASSES,
) -> pd.DataFrame:
    """Return one row per attribute and group that has records, with intervals from a bootstrap of its patients.

    The intervals are not corrected for multiplicity: of twenty groups that do not differ, one is expected to lie
    outside its 95 % interval. F1 and Hamming loss depend on how frequent the classes are in a group, AUROC does not;
    ECE grows as records get fewer, which is why `ece_by_chance` stands beside it. Means over classes count the
    classes that a group leaves defined, for AUROC `classes_defined` of them.

    Args:
        probabilities: (N, C).
        targets: (N, C) indicators.
        patients: (N,) whose record it is.
        groups: N rows; each column is an attribute, a category whose order is that of the rows to return.
        thresholds: (C,) calibrated.
        bootstrap: how to draw.
        classes: names of the C columns.

    Returns:
        Columns attribute, group, records, patients, classes_defined; then for each of SUBGROUP_METRICS the estimate
        and its bounds (f1_macro, f1_macro_low, f1_macro_high), NaN where undefined; and ece_by_chance
        (`calibration.calibration_error_by_chance`).

    Raises:
        InputError: no records, shapes that disagree, values outside [0, 1].
    """
    p, y = checked_pair(probabilities, targets, classes)
    patient = np.asarray(patients)
    rows: list[dict[str, object]] = []
    for attribute, of_records in groups.items():
        for group in of_records.cat.categories:
            member = (of_records == group).to_numpy()
            if not member.any():
                continue
            y_group = y[member]
            intervals = bootstrap_intervals(
                p[member], y_group, patient[member], thresholds, bootstrap, classes
            )
            row: dict[str, object] = {
                "attribute": attribute,
                "group": group,
                "records": len(y_group),
                "patients": len(np.unique(patient[member])),
                "classes_defined": int((y_group.any(axis=0) & ~y_group.all(axis=0)).sum()),
            }
            found = {
                (block, metric): numbers
                for block, metric, *numbers in intervals.itertuples(index=False, name=None)
            }
            for metric, block in SUBGROUP_METRICS.items():
                columns = (metric, f"{metric}_low", f"{metric}_high")
                row |= dict(zip(columns, found[block, metric], strict=True))
            row["ece_by_chance"] = calibration_error_by_chance(p[member], bootstrap.resamples, bootstrap.seed)
            rows.append(row)
    return pd.DataFrame(rows)
