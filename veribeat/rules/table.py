"""Rules as tables: one row per condition, and one row per rule."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from veribeat.conventions import LEADS
from veribeat.rules.phar import Rule
from veribeat.rules.quality import Quality

SUMMARY_TYPES = {
    "ecg_id": "int64",
    "superclass": "object",
    "features": "int64",
    "kept": "bool",
    "reason": "object",
    "scale": "float64",
    "precision": "float64",
    "forwards": "int64",
    "covered": "int64",
    "coverage": "float64",
    "confidence": "float64",
}
"""Columns of `summary_table` and their types, also where there is no rule."""


@dataclass(frozen=True, eq=False)
class NamedRule:
    """A rule with the record and the superclass that it explains, and its quality on the pool."""

    ecg_id: int
    superclass: str
    rule: Rule
    quality: Quality


def conditions_table(rules: Sequence[NamedRule], mean_mv: float, sigma_mv: float) -> pd.DataFrame:
    """Return one row per condition low < x <= high of the rules that were found, in their order.

    Columns: ecg_id, superclass, sample (0-999), lead (name), low_mv and high_mv in mV, low and high in normalised
    units, (mV - mean) / sigma.
    """
    found = [named for named in rules if named.rule.kept]
    counts = [len(named.rule.times) for named in found]
    low, high = (_joined([getattr(named.rule, side) for named in found]) for side in ("low_mv", "high_mv"))
    return pd.DataFrame(
        {
            "ecg_id": np.repeat(np.array([named.ecg_id for named in found], dtype=np.int64), counts),
            "superclass": np.repeat(np.array([named.superclass for named in found], dtype=object), counts),
            "sample": _joined([named.rule.times for named in found]).astype(np.int16),
            "lead": np.array(LEADS, dtype=object)[_joined([named.rule.leads for named in found]).astype(int)],
            "low_mv": low.astype(np.float32),
            "high_mv": high.astype(np.float32),
            "low": ((low - mean_mv) / sigma_mv).astype(np.float32),
            "high": ((high - mean_mv) / sigma_mv).astype(np.float32),
        }
    )


def summary_table(rules: Sequence[NamedRule]) -> pd.DataFrame:
    """Return one row per rule, also of those that were not found, in their order.

    Columns: ecg_id, superclass, features (important ones), kept, reason, scale, precision, forwards, covered,
    coverage, confidence; as `Rule` and `Quality` describe them.
    """
    rows = [
        {
            "ecg_id": named.ecg_id,
            "superclass": named.superclass,
            "features": len(named.rule.times),
            "kept": named.rule.kept,
            "reason": named.rule.reason,
            "scale": named.rule.scale,
            "precision": named.rule.precision,
            "forwards": named.rule.forwards,
            **asdict(named.quality),
        }
        for named in rules
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY_TYPES)).astype(SUMMARY_TYPES)


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(0)
