"""Numbers per record that are watched for drift, from its signal."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import SAMPLING_RATE
from veribeat.signal.device_shift import signal_levels
from veribeat.signal.r_peaks import find_r_peaks


def signal_features(signals_mv: NDArray[np.float32]) -> pd.DataFrame:
    """A row for each of the records (N, 1000, 12) in mV.

    Columns: amplitude and noise, natural logarithms of mV (`veribeat.signal.device_shift`); heart_rate, beats a minute
    by the median RR interval, NaN where there are fewer than two R-peaks.
    """
    levels = signal_levels(signals_mv)
    rates = np.array([_heart_rate(signal) for signal in signals_mv], dtype=np.float64)
    return pd.DataFrame({"amplitude": levels.amplitude, "noise": levels.noise, "heart_rate": rates})


def _heart_rate(signal_mv: NDArray[np.float32]) -> float:
    peaks = find_r_peaks(signal_mv).samples
    return 60 * SAMPLING_RATE / float(np.median(np.diff(peaks))) if len(peaks) > 1 else np.nan
