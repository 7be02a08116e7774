"""Where the waves of a median beat are: P, PQ, QRS, ST and T, one after the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.signal.median_beat import AFTER, BEFORE

WAVES = ("P", "PQ", "QRS", "ST", "T")
"""In the order of time; each ends where the next begins."""

STILL = 0.15
"""Share of the largest velocity of all leads in the QRS complex below which they stand still."""

QRS_SEARCH = 9
"""Samples to either side of the R-peak where the QRS complex is fastest."""

LONGEST_BEFORE_R, LONGEST_AFTER_R = 14, 16
"""Samples from QRS onset to R-peak, and from there to QRS offset, at most."""

PQ_LEVEL = 3
"""Samples up to the QRS onset whose mean is the isoelectric level."""

SHORTEST_ST, SHORTEST_T, SHORTEST_P = 4, 8, 5
"""Samples."""

T_SHARE, SHORTEST_SEARCH = 0.62, 30
"""Share of the RR interval, and samples, after the R-peak, until which a T wave may last."""

LONGEST_P_BEFORE_R = 36
"""Samples from P onset to R-peak, at most."""

ENDED = 0.15
"""Share of the height of a T wave's peak above the lowest level after it, below which it is over."""

P_ENDED = 0.2
"""The same of a P wave, on both sides of its peak."""

RISE = 1.2
"""A T wave rises more slowly than it falls, by about this factor."""


@dataclass(frozen=True)
class Waves:
    """Where waves begin and end, in samples from the R-peak.

    P from `p_onset` to `p_offset`, PQ until before `qrs_onset`, QRS until `qrs_offset`, ST until before `t_onset`, T
    until `t_offset`.
    """

    p_onset: int
    p_offset: int
    qrs_onset: int
    qrs_offset: int
    t_onset: int
    t_offset: int

    @property
    def edges(self) -> NDArray[np.float64]:
        """(6,) where the first wave begins, each ends and the next begins, and the last ends: between two samples."""
        return np.array(
            [
                self.p_onset - 0.5,
                self.p_offset + 0.5,
                self.qrs_onset - 0.5,
                self.qrs_offset + 0.5,
                self.t_onset - 0.5,
                self.t_offset + 0.5,
            ]
        )


def find_waves(beat_mv: NDArray[np.float64], rr: float) -> Waves:
    """The waves of a median beat (111, 12), see `median_beat`, of a recording with the RR interval `rr` in samples.

    All leads count together, by the length of their velocity and of their distance from the isoelectric level. QRS is
    where they move fast; T the highest wave after it, seen from the line that joins both ends of the search; P the
    highest wave before it, likewise. Without a P wave (atrial fibrillation) it is whatever is highest there: an edit
    of P then is about where a P wave would be.
    """
    velocity = np.linalg.norm(np.gradient(beat_mv, axis=0), axis=1)
    qrs_onset, qrs_offset = _qrs(velocity)
    isoelectric = beat_mv[qrs_onset - PQ_LEVEL + 1 : qrs_onset + 1].mean(axis=0)
    height = np.linalg.norm(beat_mv - isoelectric, axis=1)
    t_onset, t_offset = _t_wave(height, qrs_offset, rr)
    p_onset, p_offset = _p_wave(height, qrs_onset, t_offset, rr)
    return Waves(*(row - BEFORE for row in (p_onset, p_offset, qrs_onset, qrs_offset, t_onset, t_offset)))


def _qrs(velocity: NDArray[np.float64]) -> tuple[int, int]:
    """Rows of onset and offset: the last and the first still ones around the fastest."""
    begin = BEFORE - QRS_SEARCH
    fastest = begin + int(velocity[begin : BEFORE + QRS_SEARCH + 1].argmax())
    still = velocity <= STILL * velocity[fastest]
    onset = min(fastest, BEFORE - 1)
    while onset > BEFORE - LONGEST_BEFORE_R and not still[onset]:
        onset -= 1
    offset = max(fastest, BEFORE + 1)
    while offset < BEFORE + LONGEST_AFTER_R and not (still[offset] and still[offset + 1]):
        offset += 1
    return onset, offset


def _t_wave(height: NDArray[np.float64], qrs_offset: int, rr: float) -> tuple[int, int]:
    begin = qrs_offset + SHORTEST_ST + 1
    # The next beat's P wave must not be taken for this beat's T wave.
    last = BEFORE + int(min(AFTER, max(T_SHARE * rr, SHORTEST_SEARCH), rr - LONGEST_AFTER_R))
    last = max(last, begin + SHORTEST_T)
    peak = begin + _highest(height[begin : last + 1])
    over = height[peak : last + 1].min() + ENDED * (height[peak] - height[peak : last + 1].min())
    offset = peak + int(np.flatnonzero(height[peak : last + 1] <= over)[0])
    onset = max(begin, peak - max(round(RISE * (offset - peak)), SHORTEST_T - 2))
    return onset, min(max(offset, onset + SHORTEST_T), last)


def _p_wave(height: NDArray[np.float64], qrs_onset: int, t_offset: int, rr: float) -> tuple[int, int]:
    since_t = rr - (t_offset - BEFORE) - 2
    begin = max(0, BEFORE - int(min(LONGEST_P_BEFORE_R, since_t)))
    begin = min(begin, qrs_onset - SHORTEST_P - 3)
    stretch = height[begin : qrs_onset - 1]
    above = stretch - np.linspace(stretch[0], stretch[-1], len(stretch))
    peak = int(above.argmax())
    low = above <= P_ENDED * above[peak]
    onset = begin + int(np.flatnonzero(low[: peak + 1])[-1]) if low[: peak + 1].any() else begin
    ends = np.flatnonzero(low[peak:])
    offset = begin + peak + int(ends[0]) if len(ends) else begin + len(stretch) - 1
    offset = min(offset, qrs_onset - 2)
    return max(begin, min(onset, offset - SHORTEST_P)), offset


def _highest(stretch: NDArray[np.float64]) -> int:
    """Where it is highest above the line that joins its ends."""
    return int((stretch - np.linspace(stretch[0], stretch[-1], len(stretch))).argmax())
