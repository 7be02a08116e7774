"""Signals in stored units: what is read back is what was written."""

import numpy as np

from veribeat.signal.stored_units import StoredMillivolts, from_units, to_units


def test_every_unit_comes_back() -> None:
    units = np.arange(-32768, 32768).astype(np.int16)
    assert (to_units(from_units(units)) == units).all()


def test_signals_are_rounded_and_clipped() -> None:
    signals = np.array([0.0004, 0.0006, -0.0006, 40.0, -40.0], dtype=np.float32)
    assert to_units(signals).tolist() == [0, 1, -1, 32767, -32768]


def test_records_are_converted_when_they_are_asked_for() -> None:
    units = np.random.default_rng(0).integers(-32768, 32767, (9, 5, 12)).astype(np.int16)
    stored = StoredMillivolts(units, np.array([7, 1, 4]))
    whole = from_units(units[[7, 1, 4]])
    assert len(stored) == 3
    assert stored[np.array([2, 0, 2])].tobytes() == whole[[2, 0, 2]].tobytes()
    assert stored[:].tobytes() == whole.tobytes()
    assert stored[1:2].dtype == np.float32


def test_units_stay_as_they_are() -> None:
    units = np.array([[1000, -500]], dtype=np.int16)
    assert from_units(units).tolist() == [[1.0, -0.5]]
    assert units.tolist() == [[1000, -500]]
