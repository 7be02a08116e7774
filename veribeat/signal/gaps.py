"""Missing samples: short gaps are bridged, long ones are not guessed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veribeat.errors import InputError
from veribeat.signal.runs import longest_run

LONGEST_GAP_S = 0.04
"""Half of a narrow QRS complex: a line across it hides no beat."""

MOST_MISSING = 0.05
"""Share of a lead's samples."""


def bridge_gaps(
    signals: Mapping[str, NDArray[np.float64]], rate: float
) -> tuple[dict[str, NDArray[np.float64]], dict[str, int]]:
    """Leads (samples,) at `rate` Hz by name, with straight lines where samples are NaN, and how many those were.

    Leads without NaN are not in the second result. At the ends of the recording the nearest value is held.

    Raises:
        InputError: a lead has a gap of more than 0.04 s, or more than 5 % of its samples are missing.
    """
    bridged, counts = dict(signals), {}
    for name, signal in signals.items():
        missing = np.isnan(signal)
        if not missing.any():
            continue
        gap = longest_run(missing)
        if gap.length > LONGEST_GAP_S * rate:
            raise InputError(
                f"lead {name} has no samples for {gap.length / rate:.3g} s from {gap.start / rate:.3f} s on, and gaps"
                f" of more than {LONGEST_GAP_S:g} s are not bridged: cut that part out."
            )
        if missing.mean() > MOST_MISSING:
            raise InputError(
                f"lead {name} lacks {missing.mean():.0%} of its samples; at most {MOST_MISSING:.0%} are bridged."
            )
        times = np.arange(len(signal))
        bridged[name] = np.interp(times, times[~missing], signal[~missing])
        counts[name] = int(missing.sum())
    return bridged, counts
