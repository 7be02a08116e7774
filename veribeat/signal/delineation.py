"""Where P waves, QRS complexes and T waves begin and end: one lead, else a vote of all, else windows around R-peaks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.signal.landmarks import (
    KEYS,
    MISSING,
    QRS_ONSET,
    T_OFFSET,
    USUAL_QRS,
    Landmarks,
    NotDelineated,
    begin_of_movement,
    inner_share,
    keep,
    landmarks_in_lead,
    plausible_landmarks,
)
from veribeat.signal.r_peaks import find_r_peaks

MOST_LACKING = 0.5
"""Share of the beats that may lack the window from QRS onset to T offset before more leads are asked."""

FEWEST_LEADS = 3
"""Leads that must have a landmark of a beat near the median of the leads for it to count."""

LEADS_AGREE = 4
"""Samples from that median that are near."""

FIXED_P = 20, 8
"""Samples from P onset, and from P offset, to the R-peak where windows are fixed."""

FIXED_T = 40
"""Samples from the R-peak to T offset where windows are fixed; QRS onset is where it usually is."""


@dataclass(frozen=True)
class Delineation:
    """Landmarks of every beat of a recording, and where they are from.

    `r_peaks`, `p_onset`, `p_offset`, `qrs_onset` and `t_offset` (beats,) are samples of the recording, the last four
    -1 where they were not found or are not plausible. Those that are there are in this order: P onset, P offset, QRS
    onset, R-peak, T offset, and end before the next beat's begin.

    `source` is "lead": delineated in `lead`, in which the R-peaks were placed; "vote": medians of the leads;
    "r_peaks": fixed windows around the R-peaks; or "none": no R-peaks, and all arrays are empty. `lead` is that of
    the R-peaks for each of them, "" for "none". `reason` says why `source` is not "lead".
    """

    r_peaks: Landmarks
    p_onset: Landmarks
    p_offset: Landmarks
    qrs_onset: Landmarks
    t_offset: Landmarks
    source: str
    lead: str
    reason: str = ""


def delineate(signal_mv: NDArray[np.float32]) -> Delineation:
    """Landmarks of a recording (T, 12) in mV at 100 Hz, leads in the order of LEADS.

    1. NeuroKit2's in the lead of the R-peaks, normally II.
    2. Where more than half of the beats have no whole window from QRS onset to T offset there, or NeuroKit2 fails, all
       leads are delineated, and each landmark is the median of those leads that found it, three or more of which
       must be within 0.04 s of it.
    3. Where that, too, leaves more than half of the beats without: P from 0.2 to 0.08 s before each R-peak, and QRS
       to T from 0.06 s before to 0.4 s after it, or to the next beat.

    Beats that an end of the recording may cut do not count for these shares.
    """
    peaks = find_r_peaks(signal_mv)
    r_peaks = peaks.samples
    if not len(r_peaks):
        return Delineation(r_peaks, r_peaks, r_peaks, r_peaks, r_peaks, "none", "", peaks.reason)
    movement = begin_of_movement(signal_mv, r_peaks)

    def result(found: Landmarks, source: str, *reasons: str) -> Delineation:
        p_onset, p_offset, qrs_onset, t_offset = found.T
        return Delineation(
            r_peaks, p_onset, p_offset, qrs_onset, t_offset, source, peaks.lead, "; ".join(reasons)
        )

    try:
        own = landmarks_in_lead(signal_mv, peaks.lead, r_peaks, movement, inverted_t=True)
        if not (lacking := _lacking(own, r_peaks, len(signal_mv))):
            return result(own, "lead")
    except NotDelineated as error:
        own, lacking = None, str(error)
    reason = f"lead {peaks.lead}: {lacking}"

    by_lead = [] if own is None else [own]
    for lead in LEADS:
        if lead != peaks.lead:
            try:
                # Without another look for inverted T waves: where they are inverted in one lead, others are upright.
                by_lead.append(landmarks_in_lead(signal_mv, lead, r_peaks, movement))
            except NotDelineated:
                continue  # counted in the reason below
    voted = plausible_landmarks(_vote(by_lead, len(r_peaks)), r_peaks, movement, len(signal_mv))
    if not (lacking := _lacking(voted, r_peaks, len(signal_mv))):
        return result(voted, "vote", reason)
    reasons = reason, f"vote of {len(by_lead)} leads: {lacking}"
    return result(_fixed(r_peaks, len(signal_mv)), "r_peaks", *reasons)


def diagnostic_windows(
    p_onset: NDArray[np.integer],
    p_offset: NDArray[np.integer],
    qrs_onset: NDArray[np.integer],
    t_offset: NDArray[np.integer],
    samples: int,
) -> NDArray[np.bool_]:
    """Which of `samples` are from P onset to P offset or from QRS onset to T offset of a beat, ends included.

    The landmarks (beats,) are those of a `Delineation`. A window one end of which is missing (-1) does not count;
    the beat's other one does. Returns (samples,).
    """
    begins = np.concatenate([p_onset, qrs_onset]).astype(np.int64)
    ends = np.concatenate([p_offset, t_offset]).astype(np.int64)
    whole = (begins > MISSING) & (ends > MISSING)
    inside = np.zeros(samples, dtype=np.bool_)
    for begin, end in zip(begins[whole], ends[whole], strict=True):
        inside[begin : end + 1] = True
    return inside


def _lacking(found: Landmarks, r_peaks: Landmarks, samples: int) -> str:
    """In words, that too many beats have no whole window from QRS onset to T offset; "" where they have."""
    lacking = (found[:, [QRS_ONSET, T_OFFSET]] == MISSING).any(axis=1)
    if inner_share(lacking, r_peaks, samples) <= MOST_LACKING:
        return ""
    return f"{int(lacking.sum())} of {len(lacking)} beats without QRS onset or T offset"


def _vote(by_lead: list[Landmarks], beats: int) -> Landmarks:
    """Median (beats, 4) of each landmark over the leads that found it, where enough of them agree."""
    voted = np.full((beats, len(KEYS)), MISSING, dtype=np.int64)
    if by_lead:
        votes = np.stack(by_lead).astype(np.float64)
        votes[votes == MISSING] = np.nan
        enough = (~np.isnan(votes)).sum(axis=0) >= FEWEST_LEADS
        median = np.nanmedian(votes[:, enough], axis=0)
        agree = (np.abs(votes[:, enough] - median) <= LEADS_AGREE).sum(axis=0) >= FEWEST_LEADS
        voted[enough] = np.where(agree, np.floor(median), MISSING)
    return voted


def _fixed(r_peaks: Landmarks, samples: int) -> Landmarks:
    """Windows (beats, 4) at fixed distances from the R-peaks, cut at the recording's ends and at the next beat."""
    p_onset, p_offset = (r_peaks - distance for distance in FIXED_P)
    next_beat = np.append(p_onset[1:], samples)
    p_onset, qrs_onset = np.maximum(p_onset, 0), np.maximum(r_peaks - USUAL_QRS, 0)
    t_offset = np.minimum(r_peaks + FIXED_T, next_beat - 1)
    without_p = p_offset <= p_onset  # before the recording
    p_onset[without_p] = p_offset[without_p] = MISSING
    keep(qrs_onset, qrs_onset < r_peaks)
    keep(t_offset, t_offset > r_peaks)
    return np.stack([p_onset, p_offset, qrs_onset, t_offset], axis=1)
