"""Any rate to 100 Hz: what lies below 40 Hz survives, what lies above 50 Hz is gone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import ecg

from veribeat.errors import InputError
from veribeat.signal.resampling import resample, resampled_length
from veribeat.signal.windows import cut_windows, window_starts

RATES = (100.0, 100.01, 128.0, 250.0, 257.0, 360.0, 500.0, 999.5, 1000.0)
INSIDE = slice(30, -30)  # further from the ends than the filter reaches


def _sine(frequency: float, rate: float, seconds: float = 10.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate + 0.4)[:, None]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", [0.5, 7.3, 38.0])
def test_amplitude_and_phase_of_a_sine_survive(rate: float, frequency: float) -> None:
    found = resample(_sine(frequency, rate), rate)
    expected = _sine(frequency, 100.0)[: len(found)]
    assert len(found) in (999, 1000)
    np.testing.assert_allclose(found[INSIDE], expected[INSIDE], atol=2e-3)


@pytest.mark.parametrize(
    ("rate", "frequency"), [(257.0, 60.0), (360.0, 90.0), (500.0, 52.0), (500.0, 240.0), (999.5, 101.0)]
)
def test_what_100_hz_cannot_hold_does_not_come_back_as_an_alias(rate: float, frequency: float) -> None:
    assert np.abs(resample(_sine(frequency, rate), rate)[INSIDE]).max() < 1e-3


@pytest.mark.parametrize("rate", RATES)
def test_a_recording_is_the_same_at_every_rate(rate: float) -> None:
    found = resample(ecg(rate), rate)
    assert len(found) == resampled_length(round(10 * rate), rate)
    apart = np.abs(found - ecg(100.0)[: len(found)])  # mV
    assert apart[INSIDE].max() < 1e-4
    assert apart.max() < 2e-3


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays_what_it_is(rate: float) -> None:
    found = resample(np.full((round(10 * rate), 2), [5.0, -2.0]), rate)
    assert np.abs(found - [5.0, -2.0]).max() < 1e-4


def test_at_100_hz_nothing_changes() -> None:
    signals = np.random.default_rng(0).normal(size=(1000, 12))
    found = resample(signals, 100)
    np.testing.assert_array_equal(found, signals)
    assert found is not signals


@given(rate=st.floats(100, 1000), samples=st.integers(1, 3000))
def test_the_samples_are_those_that_lie_within_the_recording(rate: float, samples: int) -> None:
    length = resampled_length(samples, rate)
    last = (samples - 1) / rate
    slack = last * 1e-4 + 1e-9  # of a rate that is no fraction
    assert (length - 1) / 100 <= last + slack
    assert length / 100 > last - slack


@pytest.mark.parametrize("rate", [0.0, 99.9, 1000.5, float("nan"), float("inf")])
def test_other_rates_are_refused(rate: float) -> None:
    with pytest.raises(InputError, match="should lie in 100 to 1000 Hz"):
        resample(np.zeros((5000, 12)), rate)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        (1000, [0]),
        (1099, [0]),
        (1100, [0, 100]),
        (2000, [0, 1000]),
        (2650, [0, 1000, 1650]),
    ],
)
def test_the_last_window_ends_with_the_recording(samples: int, starts: list[int]) -> None:
    assert window_starts(samples) == starts


def test_windows_are_cut_after_resampling() -> None:
    whole = ecg(100.0, 26.0)
    windows = cut_windows(ecg(500.0, 26.0), 500.0)
    assert [(window.start_s, window.end_s) for window in windows] == [(0.0, 10.0), (10.0, 20.0), (16.0, 26.0)]
    for window in windows:
        start = round(window.start_s * 100)
        assert window.signals_mv.dtype == np.float32
        assert np.abs(window.signals_mv - whole[start : start + 1000]).max() < 0.002


def test_a_short_recording_has_no_window() -> None:
    with pytest.raises(ValueError, match="less than a window"):
        cut_windows(np.zeros((999, 12)), 100.0)
