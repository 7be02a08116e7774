"""Could a heart have made this counterfactual? Jumps where it was joined, limb leads, amplitudes, intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, UNITS_PER_MV
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead
from veribeat.signal.median_beat import median_beat, median_rr
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.waves import find_waves

PERCENTILES = (0.1, 99.9)
"""Of the real samples of a lead; what lies beyond is rare, so 0.002 of a real record's samples are expected there."""

_BLOCK = 256
_VALUES = 1 << 16
"""How many values an int16 has."""


@dataclass(frozen=True)
class AmplitudeRange:
    """Amplitudes that real records have: bounds (12,) in mV, one for each lead."""

    low_mv: NDArray[np.float64]
    high_mv: NDArray[np.float64]


INTERVALS = ("PR", "QRS", "QT")
"""From P onset to QRS onset, to QRS offset from there, and to T offset from there."""

INTERVAL_PERCENTILES = (0.5, 99.5)
"""Of real records; 0.01 of them are expected outside."""


@dataclass(frozen=True)
class IntervalRange:
    """Intervals that real records have: bounds (3,) in samples, in the order of INTERVALS."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def joint_jump(
    signal_mv: NDArray[np.float32], query_mv: NDArray[np.float32], mask: NDArray[np.bool_]
) -> float:
    """The largest jump in mV where a lead goes from the query to its donor or back; 0 without one.

    `signal_mv` (T, leads) has something of the donor where `mask` (T, leads) is true, and else what `query_mv` has. A
    joint lies between two samples of a lead that differ in the mask. Its jump is how much its step exceeds the largest
    of the steps before and after it, which are the query's own and the donor's own, and of the query's step in the same
    place: neither a steep wave nor an artefact of the query is a jump.
    """
    steps = np.abs(np.diff(signal_mv.astype(np.float64), axis=0))
    beside = np.pad(steps, ((1, 1), (0, 0)))
    before = np.abs(np.diff(query_mv.astype(np.float64), axis=0))
    excess = steps - np.maximum(np.maximum(beside[:-2], beside[2:]), before)
    joints = mask[1:] != mask[:-1]
    return float(excess.max(initial=0.0, where=joints))


def limb_lead_residual(signal_mv: NDArray[np.float32]) -> float:
    """The largest difference in mV of III, aVR, aVL or aVF from what I and II imply (Einthoven, Goldberger).

    `signal_mv` (T, 12), leads in the order of LEADS. Of 1,000 real records 99 % leave 0.0015 mV over, by
    rounding, and the worst 0.077 mV; a change of one limb lead alone leaves as much over as it changes.
    """
    leads = dict(zip(LEADS, signal_mv.astype(np.float64).T, strict=True))
    return max(
        float(np.abs(leads[name] - limb_lead(name, leads["I"], leads["II"])).max()) for name in FROM_I_AND_II
    )


def amplitude_range(signals: NDArray[np.int16], rows: NDArray[np.integer]) -> AmplitudeRange:
    """PERCENTILES of the samples of each lead over `rows` of `signals` (N, T, 12), in stored units.

    Exact, by counting how often each value occurs. Raises ValueError when `rows` is empty.
    """
    if not len(rows):
        raise ValueError("no records to take amplitudes from")
    counts = np.zeros((len(LEADS), _VALUES), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = signals[rows[start : start + _BLOCK]].astype(np.int64) + _VALUES // 2
        for lead, count in enumerate(counts):
            count += np.bincount(block[:, :, lead].ravel(), minlength=_VALUES)
    below = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    low, high = (
        (np.argmax(below >= percentile / 100, axis=1) - _VALUES // 2) / UNITS_PER_MV
        for percentile in PERCENTILES
    )
    return AmplitudeRange(low, high)


def share_outside(signal_mv: NDArray[np.float32], plausible: AmplitudeRange) -> float:
    """Share of the samples of all leads of a signal (T, 12) that lie outside of the range."""
    return float(((signal_mv < plausible.low_mv) | (signal_mv > plausible.high_mv)).mean())


def intervals(signal_mv: NDArray[np.float32]) -> NDArray[np.float64]:
    """The INTERVALS (3,) of a recording's median beat in samples; NaN without R-peaks."""
    r_peaks = find_r_peaks(signal_mv).samples
    if not len(r_peaks):
        return np.full(len(INTERVALS), np.nan)
    waves = find_waves(median_beat(signal_mv, r_peaks), median_rr(r_peaks))
    ends = (waves.qrs_onset, waves.qrs_offset, waves.t_offset)
    return np.subtract(ends, (waves.p_onset, waves.qrs_onset, waves.qrs_onset)).astype(np.float64)


def interval_range(signals_mv: NDArray[np.float32]) -> IntervalRange:
    """INTERVAL_PERCENTILES of the intervals of real records (N, T, 12); raises ValueError where none has any."""
    found = np.array([intervals(signal) for signal in signals_mv]).reshape(-1, len(INTERVALS))
    found = found[~np.isnan(found).any(axis=1)]
    if not len(found):
        raise ValueError("no records to take intervals from")
    low, high = np.percentile(found, INTERVAL_PERCENTILES, axis=0)
    return IntervalRange(low, high)


def intervals_outside(signal_mv: NDArray[np.float32], plausible: IntervalRange) -> float:
    """Share of the INTERVALS of a recording that lie outside of the range; NaN without R-peaks."""
    found = intervals(signal_mv)
    if np.isnan(found).any():
        return np.nan
    return float(((found < plausible.low) | (found > plausible.high)).mean())
