"""Signals as files hold them: int16, 1000 units per millivolt."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import UNITS_PER_MV

LIMITS = np.iinfo(np.int16)


def to_units(signals_mv: NDArray[np.floating]) -> NDArray[np.int16]:
    """Signals in mV, any shape, rounded to int16 units; beyond +-32.767 mV they are clipped."""
    # in float64, in which the product of a float32 and 1000 is exact
    units = np.asarray(np.multiply(signals_mv, UNITS_PER_MV, dtype=np.float64))
    np.rint(units, out=units)
    np.clip(units, LIMITS.min, LIMITS.max, out=units)
    clipped: NDArray[np.int16] = units.astype(np.int16)
    return clipped


def from_units(units: NDArray[np.int16]) -> NDArray[np.float32]:
    """Signals in int16 units to float32 mV; `to_units` gives the same units back."""
    signals: NDArray[np.float32] = units.astype(np.float32) / np.float32(UNITS_PER_MV)
    return signals
