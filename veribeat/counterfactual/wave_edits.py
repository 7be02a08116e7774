"""Edits of whole waves: one wave of one lead becomes the donor's, in every beat alike.

A heart beats the same way ten times in ten seconds, and so does an edit here: what is added to a query is the
difference of two median beats, within one wave (P, PQ, QRS, ST or T), at every R-peak. The query keeps its rhythm, its
baseline and its noise. Leads I and II and V1 to V6 are edited; III, aVR, aVL and aVF follow from I and II, so that the
limb leads agree as before. Neighbouring waves fade into each other, so that edits have no joints.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.counterfactual.edits import Chosen
from veribeat.counterfactual.query import WaveChange
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.signal.limb_leads import FROM_I_AND_II
from veribeat.signal.median_beat import BEFORE, OFFSETS, median_beat, median_rr
from veribeat.signal.stored_units import from_units, to_units
from veribeat.signal.waves import (
    PQ_LEVEL,
    SHORTEST_P,
    SHORTEST_ST,
    SHORTEST_T,
    WAVES,
    Waves,
    find_waves,
)

INDEPENDENT = tuple(lead for lead in LEADS if lead not in FROM_I_AND_II)
"""The leads that are edited."""

MS_PER_SAMPLE = 1000 / SAMPLING_RATE

FADE = 3
"""Samples over which one wave fades into the next, and the first and the last into what is left as it is."""

SMALLEST_MV = 0.0024
"""A sample that an edit changes by less counts as unchanged in its cost: 0.01 standard deviations ([CF] eq. 16)."""


@dataclass(frozen=True)
class WaveEdits:
    """The edits of a query (T, 12) whose beats are at `r_peaks` towards one donor: WAVES x INDEPENDENT, 40 in all.

    `shapes` (40, 111, 12) in mV is what each edit adds around an R-peak, rows as in `median_beat.OFFSETS`. `waves` are
    the bounds of the edits.
    """

    query_mv: Signal
    r_peaks: NDArray[np.int64]
    waves: Waves
    shapes: NDArray[np.float64]

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """(40,), see `Edits`; beats that an end of the recording cuts count in full."""
        changed = (np.abs(self.shapes) > SMALLEST_MV).sum(axis=(1, 2)) * len(self.r_peaks)
        costs: NDArray[np.float64] = np.minimum(changed / self.query_mv.size, 1.0)
        return costs

    def apply(self, chosen: Chosen) -> Signal:
        """See `Edits`."""
        # Not by BLAS, whose threads wait for each other where this is done in several threads or processes.
        beats = np.einsum("nu,utl->ntl", chosen.astype(np.float64), self.shapes)
        return from_units(to_units((self.query_mv + self._placed(beats)).astype(np.float32)))

    def gains(self, gradient: Signal) -> NDArray[np.float64]:
        """See `Edits`."""
        summed = np.zeros(self.shapes.shape[1:])
        for of_beat, of_signal in self._spans():
            summed[of_beat] += gradient[of_signal]
        gains: NDArray[np.float64] = np.einsum("utl,tl->u", self.shapes, summed)
        return gains

    def mask(self, chosen: Chosen) -> Mask:
        """See `Edits`."""
        touched = np.abs(self.shapes[chosen]).sum(axis=0) > 0
        mask: Mask = self._placed(touched[None].astype(np.float64))[0] > 0
        return mask

    def changes(self, chosen: Chosen) -> tuple[WaveChange, ...]:
        """What the `chosen` (40,) edits add, in the lead that they edit; III, aVR, aVL and aVF follow."""
        edges = self.waves.edges
        found = []
        for number in np.flatnonzero(chosen):
            wave, place = divmod(int(number), len(INDEPENDENT))
            inside = (edges[wave] < OFFSETS) & (edges[wave + 1] > OFFSETS)
            added = self.shapes[number, inside, _COLUMNS[place]]
            found.append(
                WaveChange(
                    WAVES[wave],
                    INDEPENDENT[place],
                    MS_PER_SAMPLE * float(OFFSETS[inside][0]),
                    MS_PER_SAMPLE * float(OFFSETS[inside][-1]),
                    float(added.mean()),
                    float(added[np.argmax(np.abs(added))]),
                )
            )
        return tuple(found)

    def _spans(self) -> list[tuple[slice, slice]]:
        """For each beat, which rows of its shape are in the recording, and where."""
        samples, spans = len(self.query_mv), []
        for peak in self.r_peaks:
            start, end = int(peak) - BEFORE, int(peak) - BEFORE + len(OFFSETS)
            inner = slice(max(start, 0), min(end, samples))
            spans.append((slice(inner.start - start, inner.stop - start), inner))
        return spans

    def _placed(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same beat (N, 111, 12) at every R-peak, (N, T, 12)."""
        placed = np.zeros((len(beats), *self.query_mv.shape))
        for of_beat, of_signal in self._spans():
            placed[:, of_signal] += beats[:, of_beat]
        return placed


@dataclass(frozen=True)
class QueryBeat:
    """The median beat (111, 12) in mV of a query (T, 12), the same towards every donor, with its R-peaks and waves."""

    query_mv: Signal
    r_peaks: NDArray[np.int64]
    rr: float
    beat_mv: NDArray[np.float64]
    waves: Waves


def query_beat(query_mv: Signal, r_peaks: NDArray[np.integer]) -> QueryBeat | None:
    """The median beat of a query (T, 12) in mV, leads in the order of LEADS; None without an R-peak."""
    if not len(r_peaks):
        return None
    rr = median_rr(r_peaks)
    beat = median_beat(query_mv, r_peaks)
    return QueryBeat(query_mv, r_peaks.astype(np.int64), rr, beat, find_waves(beat, rr))


def wave_edits(query: QueryBeat, donor_mv: Signal, donor_peaks: NDArray[np.integer]) -> WaveEdits | None:
    """The edits that take the median beat of a query to that of a donor; None where the donor has no R-peak.

    The donor's beat is seen at the query's heart rate: its QRS complex as it is, what follows stretched by the square
    root of the ratio of RR intervals (Bazett). Both are taken from their own isoelectric level before the QRS complex,
    and the bounds of each wave hold that of both.

    Args:
        query: from `query_beat`.
        donor_mv: (T, 12) in mV, leads in the order of LEADS.
        donor_peaks: samples of its R-peaks.
    """
    if not len(donor_peaks):
        return None
    other = median_beat(donor_mv, donor_peaks, np.sqrt(median_rr(donor_peaks) / query.rr))
    waves = _both(query.waves, find_waves(other, query.rr), query.rr)
    difference = _from_isoelectric(other, waves) - _from_isoelectric(query.beat_mv, waves)
    weights = _weights(waves)
    shapes = np.einsum("wt,tl,lm->wltm", weights, difference[:, _COLUMNS], _FOLLOWING)
    return WaveEdits(
        query.query_mv,
        query.r_peaks,
        waves,
        shapes.reshape(-1, *difference.shape),
    )


def _following() -> NDArray[np.float64]:
    """How all 12 leads (columns) follow a change of each independent one (rows)."""
    following = np.zeros((len(INDEPENDENT), len(LEADS)))
    for row, lead in enumerate(INDEPENDENT):
        following[row, LEADS.index(lead)] = 1
    for lead, (of_i, of_ii) in FROM_I_AND_II.items():
        following[INDEPENDENT.index("I"), LEADS.index(lead)] = of_i
        following[INDEPENDENT.index("II"), LEADS.index(lead)] = of_ii
    return following


_COLUMNS = [LEADS.index(lead) for lead in INDEPENDENT]
_FOLLOWING = _following()


def _both(one: Waves, other: Waves, rr: float) -> Waves:
    """Bounds that hold the QRS complex and the outer ends of both, in order, and within one beat."""
    qrs_onset, qrs_offset = min(one.qrs_onset, other.qrs_onset), max(one.qrs_offset, other.qrs_offset)
    p_onset = min(one.p_onset, other.p_onset, qrs_onset - SHORTEST_P - 2)
    p_offset = min(one.p_offset, other.p_offset, qrs_onset - 2)
    t_onset = max(min(one.t_onset, other.t_onset), qrs_offset + SHORTEST_ST)
    t_offset = max(one.t_offset, other.t_offset, t_onset + SHORTEST_T)
    # The T wave of one beat must end where the P wave of the next one begins, if there is room for both.
    t_offset = max(min(t_offset, int(rr) + p_onset - 1, int(OFFSETS[-1])), t_onset + SHORTEST_ST)
    return Waves(p_onset, max(p_offset, p_onset + 1), qrs_onset, qrs_offset, t_onset, t_offset)


def _from_isoelectric(beat_mv: NDArray[np.float64], waves: Waves) -> NDArray[np.float64]:
    onset = BEFORE + waves.qrs_onset
    level: NDArray[np.float64] = beat_mv - beat_mv[onset - PQ_LEVEL + 1 : onset + 1].mean(axis=0)
    return level


def _weights(waves: Waves) -> NDArray[np.float64]:
    """How much of each row belongs to each wave, (5, 111): they add up to 1 between the outer fades."""
    first, *inner, last = waves.edges
    steps = [
        np.clip((OFFSETS - first + 0.5) / (FADE + 1), 0, 1),
        *(np.clip((OFFSETS - edge) / FADE + 0.5, 0, 1) for edge in inner),
        np.clip((OFFSETS - last + FADE + 0.5) / (FADE + 1), 0, 1),
    ]
    return np.clip(-np.diff(steps, axis=0), 0, 1)
