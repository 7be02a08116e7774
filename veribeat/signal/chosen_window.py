"""One window of a recording, wherever it begins."""

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE
from veribeat.errors import InputError
from veribeat.signal.quality import quality_warnings
from veribeat.signal.resampling import resample
from veribeat.signal.windows import WINDOW_S, Window


def window_at(
    signals_mv: NDArray[np.float64], rate: float, start_s: float, derived: frozenset[str] = frozenset()
) -> Window:
    """The 10 s from `start_s` on of signals in mV (samples, 12) at `rate` Hz, as `windows.cut_windows` makes them.

    `start_s` is rounded to samples at 100 Hz.

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
    start = round(start_s * SAMPLING_RATE)
    cut = resampled[start : start + RECORD_SAMPLES]
    first, end = (round(index * rate / SAMPLING_RATE) for index in (start, start + RECORD_SAMPLES))
    found = quality_warnings(signals_mv[first:end], rate, cut, derived)
    return Window(start / SAMPLING_RATE, cut.astype(np.float32), tuple(found))
