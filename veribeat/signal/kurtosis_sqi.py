"""An index of signal quality that needs no model: the kurtosis of the samples (kSQI).

Clifford et al. 2012, Signal quality indices and data fusion for determining clinical acceptability of
electrocardiograms: a clean ECG has rare high peaks, and so a kurtosis above 5; noise that fills the time brings it
towards 3, that of a normal distribution, and mains or wander below.

The index is of one lead there, and a classifier takes those of all 12; no one number for a record is defined. The mean
is ours: unlike the median it falls with each lead that is poor or flat, but one lead with a high peak also raises it.
An electrode that pops makes such a peak, which the kurtosis therefore does not tell from a QRS complex.
"""

import numpy as np
from numpy.typing import NDArray

from veribeat.errors import InputError


def kurtosis_sqi(signals: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean over the leads of their kurtosis, (B,), of signals (B, T, L) in any unit; higher is better.

    The kurtosis is the fourth central moment over the squared variance: 3 for a normal distribution. A lead that is
    constant counts as 0.

    Raises:
        InputError: signals are not of three axes, or have no sample.
    """
    values = np.asarray(signals, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] == 0:
        raise InputError(f"The signals have shape {values.shape}, but (records, samples, leads) is expected.")
    squares = np.square(values - values.mean(axis=1, keepdims=True))
    variance = squares.mean(axis=1)
    # A constant lead leaves rounding errors, not zeros.
    moving = variance > np.square(1e-9 * np.abs(values).max(axis=1))
    fourth = np.square(squares).mean(axis=1)
    kurtosis = np.divide(fourth, np.square(variance), out=np.zeros_like(variance), where=moving)
    by_record: NDArray[np.float64] = kurtosis.mean(axis=1)
    return by_record
