"""What each electrode of a record picks up besides the heart: offset, wander, noise and mains hum.

An electrode is compared with the mean of the other eight, not with Wilson's terminal: a limb electrode that is off
moves the terminal and with it all chest leads, but that mean by an eighth only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from veribeat.conventions import SAMPLING_RATE
from veribeat.signal.electrodes import ELECTRODES, potentials

Array = NDArray[np.float64]

CHUNK = 512
"""Records at a time: 100 MB."""

WANDER_HZ: Final = 0.8
"""What is slower is wander."""

WHITE_D2: Final = 0.6745 * np.sqrt(6)
"""Median absolute second difference of white noise with standard deviation 1."""


@dataclass(frozen=True)
class ElectrodeLevels:
    """Per record and electrode, (N, 9) in mV: distance of the median from zero, extent of the wander, standard
    deviation of white noise as fast as what is found between QRS complexes; per lead, (N, 12): amplitude of the hum."""

    offset: Array
    wander: Array
    noise: Array
    hum: Array


def electrode_levels(signals_mv: NDArray[np.floating]) -> ElectrodeLevels:
    """Levels of records (N, 1000, 12) in mV, leads in the order of LEADS."""
    low = butter(2, WANDER_HZ, "low", fs=SAMPLING_RATE, output="sos")
    offset, wander, noise, hum = [], [], [], []
    for first in range(0, len(signals_mv), CHUNK):
        signals = np.asarray(signals_mv[first : first + CHUNK], dtype=np.float64)
        against_wilson = potentials(signals)
        others = len(ELECTRODES) - 1
        total = against_wilson.sum(axis=-1, keepdims=True)
        electrodes = against_wilson - (total - against_wilson) / others
        offset.append(np.abs(np.median(electrodes, axis=1)))
        wander.append(np.ptp(sosfiltfilt(low, electrodes, axis=1, padlen=3 * SAMPLING_RATE), axis=1))
        noise.append(np.median(np.abs(np.diff(electrodes, n=2, axis=1)), axis=1) / WHITE_D2)
        hum.append(_hum(signals))
    if not offset:
        empty = np.empty((0, len(ELECTRODES)))
        return ElectrodeLevels(empty, empty, empty, np.empty((0, 12)))
    return ElectrodeLevels(*(np.concatenate(level) for level in (offset, wander, noise, hum)))


def _hum(signals: Array) -> Array:
    """Amplitude of a wave near 50 Hz per lead, (n, 12) in mV.

    At 100 Hz such a wave changes its sign with every sample, times what moves slowly; turned back, it stays after a
    mean over a second. Mains of 60 Hz fold to 40 Hz and are not looked for.
    """
    n, samples, leads = signals.shape
    turned = signals * np.where(np.arange(samples) % 2, -1.0, 1.0)[:, None]
    seconds = turned.reshape(n, -1, SAMPLING_RATE, leads).mean(axis=2)
    amplitude: Array = np.sqrt(2 * np.square(seconds).mean(axis=1))
    return amplitude
