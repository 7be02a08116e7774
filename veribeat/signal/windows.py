"""A recording of any length and rate as windows that the classifier takes: 10 s at 100 Hz."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE
from veribeat.errors import InputError
from veribeat.signal.quality import QualityWarning, quality_warnings
from veribeat.signal.resampling import resample

WINDOW_S = RECORD_SAMPLES / SAMPLING_RATE

SHORTEST_REST = SAMPLING_RATE
"""Samples (1 s): what remains after the last whole window is worth another one from here on."""


@dataclass(frozen=True)
class Window:
    """10 s of a recording."""

    start_s: float
    signals_mv: NDArray[np.float32]
    """(1000, 12) at 100 Hz, leads in the order of LEADS."""
    warnings: tuple[QualityWarning, ...]

    @property
    def end_s(self) -> float:
        """Where the next window would start."""
        return round(self.start_s + WINDOW_S, 2)


def cut_windows(
    signals_mv: NDArray[np.float64], rate: float, derived: frozenset[str] = frozenset()
) -> list[Window]:
    """The windows of signals in mV (samples, 12) at `rate` Hz, leads in the order of LEADS, without NaN.

    They follow one another from 0 s on. Where 1 s or more remains at the end, a last window ends with the recording and
    overlaps the one before it; a shorter rest is left out. The whole recording is resampled before it is cut, so that
    only its own ends are ends. `derived` names leads that were computed from I and II.

    Raises:
        InputError: `rate` lies outside 100 to 1000 Hz.
        ValueError: the recording is shorter than a window.
    """
    resampled = resample(signals_mv, rate)
    if len(resampled) < RECORD_SAMPLES:
        raise ValueError(f"{len(resampled)} samples at {SAMPLING_RATE} Hz are less than a window")
    return [_cut(signals_mv, rate, resampled, start, derived) for start in window_starts(len(resampled))]


def window_at(
    signals_mv: NDArray[np.float64], rate: float, start_s: float, derived: frozenset[str] = frozenset()
) -> Window:
    """The one window that begins at `start_s`, rounded to samples at 100 Hz; otherwise as `cut_windows`.

    Raises:
        InputError: the window does not lie within the recording, `rate` lies outside 100 to 1000 Hz.
    """
    resampled = resample(signals_mv, rate)
    latest_s = (len(resampled) - RECORD_SAMPLES) / SAMPLING_RATE
    if not 0 <= start_s <= latest_s:
        raise InputError(
            f"A window of {WINDOW_S:g} s that begins at {start_s:g} s does not lie within the recording:"
            f" begin between 0 and {latest_s:g} s."
        )
    return _cut(signals_mv, rate, resampled, round(start_s * SAMPLING_RATE), derived)


def _cut(
    signals_mv: NDArray[np.float64],
    rate: float,
    resampled: NDArray[np.float64],
    start: int,
    derived: frozenset[str],
) -> Window:
    """The window from sample `start` of `resampled` on, judged by what `signals_mv` at `rate` Hz has there."""
    cut = resampled[start : start + RECORD_SAMPLES]
    first, end = (round(index * rate / SAMPLING_RATE) for index in (start, start + RECORD_SAMPLES))
    found = quality_warnings(signals_mv[first:end], rate, cut, derived)
    return Window(start / SAMPLING_RATE, cut.astype(np.float32), tuple(found))


def window_starts(samples: int) -> list[int]:
    """First samples of the windows of a recording of `samples`, at least 1000, at 100 Hz."""
    last = samples - RECORD_SAMPLES
    starts = list(range(0, last + 1, RECORD_SAMPLES))
    return [*starts, last] if last - starts[-1] >= SHORTEST_REST else starts
