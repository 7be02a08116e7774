"""Held ends: found where all leads stand still, faded out, and nothing else touched."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import ecg, write_recording

from veribeat.data.any_record import read_any_record
from veribeat.signal.ends import fade_held_ends
from veribeat.signal.windows import cut_windows

Signals = NDArray[np.float64]
RATES = (100.0, 257.0, 500.0, 999.5)


def noisy(rate: float) -> Signals:
    return ecg(rate) + np.random.default_rng(1).normal(0, 0.005, (round(10 * rate), 12))


def hold_end(signals: Signals, samples: int) -> Signals:
    """A copy whose last `samples` repeat the one before them."""
    held = signals.copy()
    held[-samples:] = held[-samples - 1]
    return held


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.09, 0.1, 0.19])
def test_a_held_end_leads_to_the_median(rate: float, seconds: float) -> None:
    count = round(seconds * rate)
    signals = hold_end(noisy(rate), count)
    faded, held = fade_held_ends(signals, rate)
    assert held == (0, count)
    np.testing.assert_array_equal(faded[:-count], signals[:-count])
    median = np.median(signals[:-count][-round(rate) :], axis=0)
    np.testing.assert_allclose(faded[-1], median, atol=1e-12)
    steps = np.diff(faded[-count - 1 :], axis=0)  # a straight line from the last sample of the signal
    np.testing.assert_allclose(
        steps, np.broadcast_to((median - signals[-1]) / count, steps.shape), atol=1e-12
    )


def test_a_held_beginning_is_the_same_backwards() -> None:
    signals = hold_end(noisy(500.0), 50)
    faded, held = fade_held_ends(signals[::-1], 500.0)
    assert held == (50, 0)
    np.testing.assert_array_equal(faded[::-1], fade_held_ends(signals, 500.0)[0])


def test_both_ends_of_one_recording() -> None:
    signals = hold_end(hold_end(noisy(500.0), 46)[::-1], 54)[::-1]
    faded, held = fade_held_ends(signals, 500.0)
    assert held == (54, 46)
    np.testing.assert_array_equal(faded[54:-46], signals[54:-46])
    assert (np.diff(faded, axis=0) != 0).any(axis=1).all()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.22, 0.5, 2.0])
def test_shorter_and_longer_holds_are_left_alone(rate: float, seconds: float) -> None:
    count = round(seconds * rate)
    signals = hold_end(noisy(rate), count) if count else noisy(rate)
    for each in (signals, signals[::-1]):
        same, held = fade_held_ends(each, rate)
        assert same is each
        assert held == (0, 0)


def test_the_bounds_count() -> None:
    found = [fade_held_ends(hold_end(noisy(100.0), count), 100.0)[1].last for count in (7, 8, 20, 21)]
    assert found == [0, 8, 20, 0]


def test_one_moving_lead_is_signal() -> None:
    signals = noisy(500.0)
    signals[-51:, :11] = signals[-51, :11]
    assert fade_held_ends(signals, 500.0)[1] == (0, 0)


def test_leads_that_are_flat_throughout() -> None:
    flat = np.full((5000, 12), 0.3)
    assert fade_held_ends(flat, 500.0)[1] == (0, 0)
    signals = hold_end(noisy(500.0), 50)
    signals[:, 10] = 0.3
    faded, held = fade_held_ends(signals, 500.0)
    assert held == (0, 50)
    assert (faded[:, 10] == 0.3).all()


def test_the_argument_is_not_changed() -> None:
    signals = hold_end(noisy(500.0), 50)
    before = signals.copy()
    faded, _ = fade_held_ends(signals, 500.0)
    assert (faded != signals).any()
    np.testing.assert_array_equal(signals, before)


def test_reading_a_record_says_what_was_faded(tmp_path: Path) -> None:
    signals = np.rint(hold_end(hold_end(noisy(500.0), 50)[::-1], 45)[::-1] * 1000) / 1000
    found = read_any_record(write_recording(tmp_path, "r", signals, 500))
    np.testing.assert_array_equal(found.signals_mv, fade_held_ends(signals, 500.0)[0])
    done = "no signal, and faded to each lead's median"
    assert [str(warning) for warning in found.warnings] == [
        f"held beginning: the first 0.090 s hold one value in all leads: {done}",
        f"held end: the last 0.100 s hold one value in all leads, as in PTB-XL's 500 Hz files: {done}",
    ]


def test_a_held_peak_is_not_said_to_be_clipped(tmp_path: Path) -> None:
    signals = noisy(500.0)
    signals[-51:] = 2.0
    found = read_any_record(write_recording(tmp_path, "r", signals, 500))
    (window,) = cut_windows(found.signals_mv, found.sampling_rate)
    assert "clipped samples" not in {warning.kind for warning in window.warnings}
    (window,) = cut_windows(signals, 500.0)
    assert "clipped samples" in {warning.kind for warning in window.warnings}
