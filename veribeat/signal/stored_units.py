"""Signals as files hold them: int16, 1000 units per millivolt."""

from dataclasses import dataclass

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
    signals: NDArray[np.float32] = units.astype(np.float32)
    signals /= np.float32(UNITS_PER_MV)  # in place: a cohort need not be there twice
    return signals


@dataclass(frozen=True)
class StoredMillivolts:
    """Records of a stored cohort in mV, converted when they are asked for: a memory map stays on the disk."""

    units: NDArray[np.int16]  # (N, 1000, 12)
    rows: NDArray[np.integer]  # (M,) positions in `units`

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: slice | NDArray[np.integer]) -> NDArray[np.float32]:
        """Records at `places` among the M: (k, 1000, 12)."""
        return from_units(self.units[self.rows[places]])
