"""The data card: what a cohort holds, as plain numbers."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, SUPERCLASSES, UNITS_PER_MV
from veribeat.data.demography import SEX_NAMES, clean_device_names
from veribeat.data.quarantine import Quarantined, counts_by_reason

AGE_OVER_89 = 300.0
"""PTB-XL's code for an age above 89 years, which privacy rules hide."""


def data_card(records: pd.DataFrame, quarantined: Sequence[Quarantined]) -> dict[str, Any]:
    """Counts over a records table and its quarantine, in JSON types only."""
    return {
        "records": len(records),
        "patients": int(records["patient_id"].nunique()),
        "signals": {
            "leads": list(LEADS),
            "samples": RECORD_SAMPLES,
            "sampling_rate_hz": SAMPLING_RATE,
            "units_per_mv": UNITS_PER_MV,
        },
        "classes": class_counts(records),
        "folds": {
            str(fold): {
                "records": len(part),
                "patients": int(part["patient_id"].nunique()),
                "classes": class_counts(part),
            }
            for fold, part in records.groupby("fold")
        },
        "label_combinations": label_combinations(records),
        "age": age_summary(records["age"]),
        "sex": _counts(records["sex"].map(SEX_NAMES)),
        "devices": _counts(clean_device_names(records["device"])),
        "quarantine": {
            "records": len(quarantined),
            "reasons": {str(reason): count for reason, count in counts_by_reason(quarantined).items()},
        },
    }


def class_counts(records: pd.DataFrame) -> dict[str, int]:
    """Records per superclass, and under "none" those without any; a record with two labels counts in both."""
    labels = records[list(SUPERCLASSES)]
    counts = {superclass: int(labels[superclass].sum()) for superclass in SUPERCLASSES}
    return {**counts, "none": int((~labels.any(axis=1)).sum())}


def label_combinations(records: pd.DataFrame) -> list[dict[str, Any]]:
    """Every combination of two or more superclasses that occurs, the commonest first.

    `at_least` counts the records with these labels and possibly more, which is how [CF] Table 2
    counts: its pairs include the triples (on PTB-XL "MI, CD" is 8.2 % this way and 6.0 % exactly). `exactly`
    counts those with no other label; `percent` is the share of `at_least` in all records.
    """
    labels = records[list(SUPERCLASSES)].to_numpy(dtype=bool)
    found = []
    for size in range(2, len(SUPERCLASSES) + 1):
        for columns in combinations(range(len(SUPERCLASSES)), size):
            has_all = labels[:, columns].all(axis=1)
            at_least = int(has_all.sum())
            if at_least:
                found.append(
                    {
                        "labels": [SUPERCLASSES[column] for column in columns],
                        "at_least": at_least,
                        "exactly": int((has_all & (labels.sum(axis=1) == size)).sum()),
                        "percent": round(100 * at_least / len(labels), 2),
                    }
                )
    return sorted(found, key=lambda row: (-row["at_least"], row["labels"]))


def age_summary(age: pd.Series) -> dict[str, Any]:
    """Quartiles in years, the records over 89 taken as 90 or more.

    PTB-XL writes 300 for these. A quartile depends on their order only, so any value above 89 gives the
    same one; a quartile of 90 means that it is hidden itself.
    """
    known = age.dropna()
    over_89 = known == AGE_OVER_89
    quartiles = known.mask(over_89, 90.0).quantile([0.25, 0.5, 0.75])
    names = ("lower_quartile", "median", "upper_quartile")
    summary: dict[str, Any] = {
        name: None if known.empty else float(value) for name, value in zip(names, quartiles, strict=True)
    }
    return {**summary, "over_89": int(over_89.sum()), "unknown": int(age.isna().sum())}


def _counts(values: pd.Series) -> dict[str, int]:
    counts = values.value_counts()
    return {str(value): int(counts[value]) for value in sorted(counts.index)}
