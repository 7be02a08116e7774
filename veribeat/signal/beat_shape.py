"""The median beat of many records at once, and its shape in numbers that do not depend on the gain.

For questions about electrodes only: which leads go together, and where P, QRS and T point. `veribeat.signal.r_peaks`
finds beats more carefully, and 50 times slower.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfiltfilt

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE
from veribeat.signal.limb_leads import FROM_I_AND_II

Array = NDArray[np.float64]

INDEPENDENT: Final = tuple(lead for lead in LEADS if lead not in FROM_I_AND_II)
"""I, II and V1 to V6: the others follow from them."""

COLUMNS: Final = [LEADS.index(lead) for lead in INDEPENDENT]

BEFORE, AFTER = 28, 42
"""Samples of a beat before and after the middle of its QRS complex."""

P_WAVE, QRS, T_WAVE = slice(0, 20), slice(20, 38), slice(38, 70)
BASELINE = slice(18, 22)
"""Parts of a beat, in samples: roughly, for rates and conduction vary."""

BAND_HZ = (0.6, 35.0)
NEAREST = 30
"""Samples between two QRS complexes: 200 beats per minute."""

CHUNK = 512
"""Records filtered at a time: 100 MB."""

SMALL_MV = 0.02
"""Added where the logarithm of a size is taken, so that it means little below."""


def median_beats(signals_mv: NDArray[np.floating]) -> Array:
    """Median beats (N, 70, 8) of INDEPENDENT leads, in mV, from records (N, 1000, 12).

    QRS complexes are where all leads together are steepest, each lead counted relative to its own slopes, so that one
    bad lead does not decide. A record without a whole beat gets zeros.
    """
    beats = np.zeros((len(signals_mv), BEFORE + AFTER, len(INDEPENDENT)))
    band = butter(2, BAND_HZ, "band", fs=SAMPLING_RATE, output="sos")
    for first in range(0, len(signals_mv), CHUNK):
        leads = np.asarray(signals_mv[first : first + CHUNK][:, :, COLUMNS], dtype=np.float64)
        filtered = sosfiltfilt(band, leads, axis=1, padlen=150)
        for row, (signal, steepness) in enumerate(
            zip(filtered, _steepness(filtered), strict=True), start=first
        ):
            middle, _ = find_peaks(steepness, distance=NEAREST, height=0.45 * np.quantile(steepness, 0.97))
            whole = middle[(middle >= BEFORE) & (middle < RECORD_SAMPLES - AFTER)]
            if len(whole):
                beats[row] = np.median(signal[whole[:, None] + np.arange(-BEFORE, AFTER)], axis=0)
    return beats


def _steepness(filtered: Array) -> Array:
    """How steep all leads together are, smoothed over 80 ms, (N, 1000)."""
    slopes = np.abs(np.diff(filtered, axis=1, append=filtered[:, -1:]))
    own = np.quantile(slopes, 0.98, axis=1, keepdims=True) + 1e-4
    together = np.minimum(slopes / own, 1).mean(axis=2)
    sums = np.cumsum(np.pad(together, ((0, 0), (5, 3))), axis=1)
    smooth: Array = (sums[:, 8:] - sums[:, :-8]) / 8
    return smooth


def shape_features(beats: Array) -> Array:
    """The shape of beats (N, 70, 8) in mV as (N, 216) numbers.

    For P, QRS and T: correlations between leads about the baseline, share of each lead in the size of all, its highest
    and lowest value relative to that, its net area; the last three also of the limb leads III to AVF. Signs, sizes and
    correlations are what tells exchanged electrodes apart.
    """
    level = beats - beats[:, BASELINE].mean(axis=1, keepdims=True)
    derived = level[:, :, :2] @ np.array(list(FROM_I_AND_II.values())).T
    upper = np.triu_indices(len(INDEPENDENT), 1)
    parts = []
    for wave in (P_WAVE, QRS, T_WAVE):
        part, limb = level[:, wave], derived[:, wave]
        size = np.sqrt(np.square(part).sum(axis=1))
        products = np.swapaxes(part, 1, 2) @ part
        correlation = products / (size[:, :, None] * size[:, None, :] + 1e-3)
        whole = np.sqrt(np.square(size).sum(axis=1, keepdims=True)) + 0.01
        parts += [correlation[:, upper[0], upper[1]], np.log(size + SMALL_MV) - np.log(whole)]
        for leads in (part, limb):
            net = leads.sum(axis=1) / (np.abs(leads).sum(axis=1) + 0.01)
            parts += [net, leads.max(axis=1) / whole, leads.min(axis=1) / whole]
    return np.concatenate(parts, axis=1)
