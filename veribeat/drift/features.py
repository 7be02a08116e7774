"""What a recording looks like in a few numbers that a fault of a device, or another kind of patient, would move.

None is in logarithms: quantile bins and ranks, which they are compared by, are the same for every monotone transform.
"""

from typing import Final

import neurokit2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, UNITS_PER_MV
from veribeat.errors import InputError
from veribeat.signal.quality import noise_mv, wander_mv

SIGNAL_FEATURES: Final = ("amplitude_mv", "noise_mv", "wander_mv", "heart_rate")

CHUNK = 128
"""Records that are filtered at a time: 12 MB in float64, and a few copies."""

MIRRORED = SAMPLING_RATE
"""Samples by which a lead is continued at both ends, as in `veribeat.signal.r_peaks`."""

SLOWEST, FASTEST = 25.0, 220.0
"""Beats per minute of a plausible rate."""


def signal_features(signals: NDArray[np.int16], rows: NDArray[np.integer]) -> pd.DataFrame:
    """Features of `rows` of stored signals (N, 1000, 12), int16 units, which may be a memory map; a row for each.

    amplitude_mv: peak to peak, median of the leads. noise_mv: above 30 Hz, between QRS complexes, median of the leads.
    wander_mv: extent of what is below 0.5 Hz, median of the leads. heart_rate: beats per minute, NaN where there is
    none to measure. About 3 ms a record; the median of the leads leaves a single bad lead out.

    Raises:
        InputError: signals of another shape or type.
    """
    if signals.ndim != 3 or signals.shape[1:] != (RECORD_SAMPLES, len(LEADS)) or signals.dtype != np.int16:
        raise InputError(
            f"The signals are {signals.dtype} of shape {signals.shape}, but int16 of (records, {RECORD_SAMPLES},"
            f" {len(LEADS)}) is expected."
        )
    numbers = np.empty((len(rows), len(SIGNAL_FEATURES)))
    for start in range(0, len(rows), CHUNK):
        chunk = signals[rows[start : start + CHUNK]] / UNITS_PER_MV
        numbers[start : start + len(chunk)] = np.column_stack(
            (
                np.median(np.ptp(chunk, axis=1), axis=1),
                np.median(noise_mv(chunk), axis=1),
                np.median(wander_mv(chunk), axis=1),
                [heart_rate(record[:, LEADS.index("II")]) for record in chunk],
            )
        )
    return pd.DataFrame(numbers, columns=list(SIGNAL_FEATURES))


def heart_rate(lead_mv: NDArray[np.floating]) -> float:
    """Beats per minute, from the median interval between the R-peaks of one lead (T,) in mV at 100 Hz.

    NaN with fewer than three peaks, or where the rate is below SLOWEST or above FASTEST. NeuroKit2's detector alone:
    `r_peaks.find_r_peaks` asks others as well, for peaks that are right one by one, at ten times the cost.
    """
    if np.ptp(lead_mv) == 0:
        return float("nan")
    mirrored = np.pad(np.asarray(lead_mv, dtype=np.float64), MIRRORED, mode="reflect")
    clean = neurokit2.ecg_clean(mirrored, sampling_rate=SAMPLING_RATE)
    peaks = np.asarray(neurokit2.ecg_findpeaks(clean, sampling_rate=SAMPLING_RATE)["ECG_R_Peaks"])
    own = peaks[(peaks >= MIRRORED) & (peaks < MIRRORED + len(lead_mv))]
    if len(own) < 3:
        return float("nan")
    rate = 60 * SAMPLING_RATE / float(np.median(np.diff(own)))
    return rate if SLOWEST <= rate <= FASTEST else float("nan")
