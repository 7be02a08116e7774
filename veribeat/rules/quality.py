"""What a rule says of real records: how many satisfy it, and do they get the same labels ([CF] 4.6.1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.rules.phar import Rule

_FEATURES_AT_A_TIME = 16


@dataclass(frozen=True)
class Quality:
    """How many pool records a rule covers, their share of the pool, and how many of them have its label set (share).

    A record satisfies its own rule. If it is in the pool, 1 covered record is that one, and a confidence of 1 says
    nothing. Confidence is NaN where nothing is covered.
    """

    covered: int
    coverage: float
    confidence: float


def covers(rule: Rule, signals_mv: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (N,): which of `signals_mv` (N, 1000, 12) satisfy every condition of the rule; none where it is not kept.

    A few features are looked at, then the next few of those records that are left: rules of a thousand conditions
    cost little, because hardly any record gets far.
    """
    left = np.arange(len(signals_mv))
    for start in range(0, len(rule.times), _FEATURES_AT_A_TIME):
        some = slice(start, start + _FEATURES_AT_A_TIME)
        values = signals_mv[left[:, np.newaxis], rule.times[some], rule.leads[some]]
        left = left[((values > rule.low_mv[some]) & (values <= rule.high_mv[some])).all(axis=1)]
    covered = np.zeros(len(signals_mv), dtype=np.bool_)
    covered[left] = rule.kept
    return covered


def rule_quality(
    rule: Rule,
    labels: NDArray[np.bool_],
    pool_signals_mv: NDArray[np.float32],
    pool_labels: NDArray[np.bool_],
) -> Quality:
    """Coverage and confidence of a rule that keeps the label set `labels` (5,), over a pool of real records.

    Args:
        rule: the rule.
        labels: (5,), the predicted label set of the record that it was made of.
        pool_signals_mv: (N, 1000, 12).
        pool_labels: (N, 5), the pool's predicted label sets.
    """
    covered = covers(rule, pool_signals_mv)
    count = int(covered.sum())
    same = (pool_labels[covered] == labels).all(axis=1)
    return Quality(count, count / len(covered), float(same.mean()) if count else np.nan)
