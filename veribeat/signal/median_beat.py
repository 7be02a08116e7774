"""The median beat of a recording: what its beats have in common."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.signal.interpolation import at_times
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead

BEFORE, AFTER = 40, 70
"""Samples of a median beat before and after the R-peak."""

OFFSETS = np.arange(-BEFORE, AFTER + 1)
"""Samples from the R-peak, of each row of a median beat."""

QRS_REACH = 8
"""Samples to either side of an R-peak that hold the QRS complex; its width does not follow the heart rate."""

LEVEL_REACH = 12
"""Samples to either side of an R-peak whose median is a beat's level, so that baseline wander is not in the way."""

USUAL_RR = 80.0
"""Samples from beat to beat where a recording shows one beat only."""


def median_rr(r_peaks: NDArray[np.integer]) -> float:
    """The median interval between R-peaks in samples; 80 (75 beats a minute) where there is none."""
    return float(np.median(np.diff(r_peaks))) if len(r_peaks) > 1 else USUAL_RR


def median_beat(
    signal_mv: NDArray[np.float32], r_peaks: NDArray[np.integer], stretch: float = 1.0
) -> NDArray[np.float64]:
    """The median over the beats, (111, 12) in mV: rows are OFFSETS, each beat about its own level.

    A row that no beat reaches is 0. The limb leads are those that the medians of I and II imply (Einthoven,
    Goldberger).

    Args:
        signal_mv: (T, 12), leads in the order of LEADS.
        r_peaks: samples of the R-peaks, at least one.
        stretch: how much faster time runs from the end of the QRS complex on: 1.2 shows at 30 samples what is at about
            36. The square root of a ratio of RR intervals gives the T wave its place at another heart rate (Bazett).
    """
    times = OFFSETS.astype(np.float64)
    late = times > QRS_REACH
    times[late] = QRS_REACH + (times[late] - QRS_REACH) * stretch
    places = r_peaks[:, None] + times
    outside = (places < 0) | (places > len(signal_mv) - 1)
    beats = at_times(signal_mv, places)
    level = np.median(beats[:, BEFORE - LEVEL_REACH : BEFORE + LEVEL_REACH + 1], axis=1, keepdims=True)
    beats = np.where(outside[:, :, None], np.nan, beats - level)
    reached = ~outside.all(axis=0)
    median = np.zeros((len(OFFSETS), len(LEADS)))
    median[reached] = _median(beats[:, reached])
    for lead in FROM_I_AND_II:
        median[:, LEADS.index(lead)] = limb_lead(
            lead, median[:, LEADS.index("I")], median[:, LEADS.index("II")]
        )
    return median


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`np.nanmedian` over the first axis, (N, ...) to (...), in a quarter of its time; every place has a number."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    count = len(values) - np.isnan(values).sum(axis=0)
    middle = np.stack(((count - 1) // 2, count // 2))
    median: NDArray[np.float64] = np.take_along_axis(ordered, middle, axis=0).sum(axis=0) / 2
    return median
