"""Any sampling rate to 100 Hz, with the low-pass filter of PTB-XL's own 100 Hz files.

PTB-XL's two rates show that filter: among all FIR filters of 0.6 s, the one that maps its 500 Hz samples to its 100 Hz
samples best passes everything up to 40 Hz and nothing from 50 Hz on. The Kaiser-windowed sinc below is that filter, up
to a delay: over 40 records (0.1 s to 9.8 s, after 1.25 ms by which PTB-XL's 500 Hz files lag) the two differ by 0.32 µV
(root mean square; rounding to 1 µV alone makes 0.29) and by 6.4 µV at most. The last 0.1 s is not compared, because the
500 Hz files have no signal there (`veribeat.signal.ends`).

The delay is not corrected for: it belongs to PTB-XL, and a record of any other source may begin at any time. With it,
the difference is 17.8 µV, where `scipy.signal.resample_poly` with its own filter has 18.5, an inverse FFT 19.0, and
every fifth sample, aliases included, 22.4.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import firwin, resample_poly

from veribeat.conventions import SAMPLING_RATE
from veribeat.errors import InputError

LOWEST_RATE, HIGHEST_RATE = 100.0, 1000.0
"""Hz. Below, the band that the classifier was trained on is not in the record."""

CUTOFF_HZ = 44.58
"""Half amplitude; least squares over the 40 records, as the next two."""

HALF_WIDTH_S = 0.2235
KAISER_BETA = 7.09

MOST_PHASES = 10_000
"""Largest numerator of 100 Hz / rate as a fraction, which holds every rate of two decimals (100.01 Hz) exactly; others
are off by less than 1 ms in 10 s."""


def resample(signals: ArrayLike, rate: float) -> NDArray[np.float64]:
    """Signals (samples, leads) at `rate` Hz as (`resampled_length`, leads) at 100 Hz, first samples aligned.

    Any unit; no NaN, which would spread. The filter has linear phase, so that nothing is delayed; beyond its ends the
    record is taken to hold its first and last values. At 100 Hz nothing is changed.

    Raises:
        InputError: `rate` lies outside 100 to 1000 Hz.
    """
    samples = np.asarray(signals, dtype=np.float64)
    up, down = _ratio(rate)
    if up == down:
        return samples.copy()
    half_taps = round(HALF_WIDTH_S * SAMPLING_RATE * down)  # the taps are SAMPLING_RATE * down per second
    taps = firwin(
        2 * half_taps + 1, CUTOFF_HZ, window=("kaiser", KAISER_BETA), fs=float(SAMPLING_RATE * down)
    )
    resampled: NDArray[np.float64] = resample_poly(samples, up, down, axis=0, window=taps, padtype="edge")
    return resampled[: resampled_length(len(samples), rate)]


def resampled_length(samples: int, rate: float) -> int:
    """How many times 0 s, 0.01 s, 0.02 s ... lie within a record of `samples` (at least one) at `rate` Hz.

    Raises:
        InputError: `rate` lies outside 100 to 1000 Hz.
    """
    up, down = _ratio(rate)
    return (samples - 1) * up // down + 1


def _ratio(rate: float) -> tuple[int, int]:
    """100 Hz / `rate` as a fraction in lowest terms."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise InputError(
            f"A sampling rate of {rate:g} Hz is not supported: it should lie in {LOWEST_RATE:g} to {HIGHEST_RATE:g} Hz."
        )
    ratio = (Fraction(rate) / SAMPLING_RATE).limit_denominator(MOST_PHASES)
    return ratio.denominator, ratio.numerator
