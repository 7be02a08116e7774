"""Missing samples: short gaps are bridged, long ones are not guessed."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.errors import InputError
from veribeat.signal.runs import longest_run

LONGEST_GAP_S = 0.04
"""Half of a narrow QRS complex: a line across it hides no beat."""

MOST_MISSING = 0.05
"""Share of a lead's samples."""


def bridge_gaps(signals: NDArray[np.float64], rate: float) -> tuple[NDArray[np.float64], dict[str, int]]:
    """`signals` (samples, 12) at `rate` Hz with straight lines where samples are NaN, and NaN samples per lead.

    Leads in the order of LEADS; those without NaN are not in the second result. At the ends of the record the nearest
    value is held.

    Raises:
        InputError: a lead has a gap of more than 0.04 s, or more than 5 % of its samples are missing.
    """
    missing = np.isnan(signals)
    if not missing.any():
        return signals, {}
    bridged, counts = signals.copy(), {}
    times = np.arange(len(signals))
    for column in np.flatnonzero(missing.any(axis=0)):
        lead, gaps = LEADS[column], missing[:, column]
        gap = longest_run(gaps)
        if gap.length > LONGEST_GAP_S * rate:
            raise InputError(
                f"lead {lead} has no samples for {gap.length / rate:.3g} s from {gap.start / rate:.3f} s on, and gaps"
                f" of more than {LONGEST_GAP_S:g} s are not bridged: cut that part out."
            )
        if gaps.mean() > MOST_MISSING:
            raise InputError(
                f"lead {lead} lacks {gaps.mean():.0%} of its samples; at most {MOST_MISSING:.0%} are bridged."
            )
        bridged[gaps, column] = np.interp(times[gaps], times[~gaps], signals[~gaps, column])
        counts[lead] = int(gaps.sum())
    return bridged, counts
