"""Rules in words: consecutive samples of a lead become one line."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE


def rule_texts(
    times: NDArray[np.integer],
    leads: NDArray[np.integer],
    low_mv: NDArray[np.floating],
    high_mv: NDArray[np.floating],
    most: int | None = None,
) -> list[str]:
    """Return texts such as "lead V2, 1.32-1.36 s: 0.21 to 0.48 mV", by lead, then by time.

    Each stands for a run of consecutive samples, from the first to the last, and the range from the lowest bound to
    the highest of the run. That is wider than the rule: each sample has an interval of its own.

    Args:
        times: (F,) samples of the conditions, in any order, each (time, lead) once.
        leads: (F,) their indices into LEADS.
        low_mv: (F,).
        high_mv: (F,).
        most: texts, those of the longest runs; None: all.
    """
    if not len(times):
        return []
    order = np.lexsort((times, leads))
    time, lead = times[order], leads[order]
    starts = np.flatnonzero((np.diff(time, prepend=-2) != 1) | (np.diff(lead, prepend=-1) != 0))
    ends = np.append(starts[1:], len(time)) - 1
    lowest = np.minimum.reduceat(low_mv[order], starts)
    highest = np.maximum.reduceat(high_mv[order], starts)
    longest = np.sort(np.argsort(starts - ends, kind="stable")[:most])
    rows = zip(starts[longest], ends[longest], lowest[longest], highest[longest], strict=True)
    return [
        f"lead {LEADS[lead[first]]}, {_seconds(time[first], time[last])}: {low:.2f} to {high:.2f} mV"
        for first, last, low, high in rows
    ]


def _seconds(first: int, last: int) -> str:
    if first == last:
        return f"{first / SAMPLING_RATE:.2f} s"
    return f"{first / SAMPLING_RATE:.2f}-{last / SAMPLING_RATE:.2f} s"
