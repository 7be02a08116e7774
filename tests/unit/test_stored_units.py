"""Signals in stored units: what is read back is what was written."""

import numpy as np

from veribeat.signal.stored_units import from_units, to_units


def test_every_unit_comes_back() -> None:
    units = np.arange(-32768, 32768).astype(np.int16)
    assert (to_units(from_units(units)) == units).all()


def test_signals_are_rounded_and_clipped() -> None:
    signals = np.array([0.0004, 0.0006, -0.0006, 40.0, -40.0], dtype=np.float32)
    assert to_units(signals).tolist() == [0, 1, -1, 32767, -32768]
