"""Landmarks of the beats in one lead: NeuroKit2's, with inverted T waves and QRS onsets put right, if plausible.

NeuroKit2's discrete wavelet delineation (Martínez et al. 2004) finds P onset, P offset, QRS onset and T offset. Two
known weaknesses of it are made up for here: it takes upright T waves only, so that a lead with inverted ones is given
to it upside down, and where a lead has no Q wave it puts the QRS onset on the descent of the P wave.
"""

import warnings

import neurokit2
import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE

Landmarks = NDArray[np.int64]
"""(beats,) samples of the recording, MISSING where a beat does not have the landmark; or (beats, 4) of them."""

MISSING = -1

KEYS = ("ECG_P_Onsets", "ECG_P_Offsets", "ECG_R_Onsets", "ECG_T_Offsets")
"""What NeuroKit2 calls the landmarks, in the order of the columns of a (beats, 4) array."""

P_ONSET, P_OFFSET, QRS_ONSET, T_OFFSET = range(len(KEYS))

MIRRORED = SAMPLING_RATE
"""Samples by which a recording is continued as its mirror image at both ends. NeuroKit2 drops landmarks before its
second sample from its lists, which shifts those of all later beats, and finds few in beats near an end."""

MOST_WITHOUT_T = 0.25
"""Share of the beats that may lack a T offset before inverted T waves are looked for where they seem upright."""

INNER = 12, 45
"""Samples from the beginning and to the end between which a beat is whole, so that it counts for these shares."""

QRS_BEFORE_R = 1, 14
"""Samples from QRS onset to R-peak: least and most. A broad QRS reaches its peak after 0.1 s or more."""

P_DURATION = 4, 20
"""Samples from P onset to P offset."""

PR_INTERVAL = 8, 40
"""Samples from P onset to QRS onset."""

QT_INTERVAL = 22, 68
"""Samples from QRS onset to T offset."""

ST_AND_T = 18
"""Samples from R-peak to T offset, at least: what NeuroKit2 finds before is the end of the QRS complex."""

T_SPAN = 12, 45
"""Samples after the R-peak between which a T wave is looked at for its sign."""

SHORTEST_T = 10
"""Samples of this stretch without which a beat does not count."""

T_SHARE = 0.6
"""Share of the interval to the next R-peak after which its P wave may be, so that no T wave is looked at there."""

QRS_END = 10
"""Samples after the R-peak until which a QRS complex moves fastest."""

STILL = 0.15
"""Share of a QRS complex's largest velocity below which the leads together stand still."""

ONSETS_AGREE = 3
"""Samples by which NeuroKit2's QRS onset may be off the beginning of movement in all leads."""

USUAL_QRS = 6
"""Samples from QRS onset to the R-peak where the onset is not known."""


class NotDelineated(Exception):
    """Why NeuroKit2 has nothing to say about a lead."""


def landmarks_in_lead(
    signal_mv: NDArray[np.float32],
    lead: str,
    r_peaks: Landmarks,
    movement: Landmarks,
    *,
    inverted_t: bool = False,
) -> Landmarks:
    """Plausible landmarks (beats, 4) in one lead; raises NotDelineated."""
    own = signal_mv[:, LEADS.index(lead)].astype(np.float64)
    found = _neurokit(own, r_peaks)
    plausible = plausible_landmarks(found, r_peaks, movement, len(own))
    if not inverted_t:
        return plausible
    inverted = _has_inverted_t(own, r_peaks)
    without_t = plausible[:, T_OFFSET] == MISSING
    if inverted or inner_share(without_t, r_peaks, len(own)) > MOST_WITHOUT_T:
        other = found.copy()
        other[:, T_OFFSET] = _neurokit(-own, r_peaks)[:, T_OFFSET]
        if inverted:
            without_t = plausible_landmarks(other, r_peaks, movement, len(own))[:, T_OFFSET] != MISSING
        found[without_t, T_OFFSET] = other[without_t, T_OFFSET]
    return plausible_landmarks(found, r_peaks, movement, len(own))


def _has_inverted_t(lead_mv: NDArray[np.float64], r_peaks: Landmarks) -> bool:
    """Whether a lead (T,) mostly goes farther down than up after the QRS complexes, seen from a line below the T."""
    rr = np.diff(r_peaks, append=len(lead_mv) + T_SPAN[1])
    ends = r_peaks + np.minimum(T_SPAN[1], (T_SHARE * rr).astype(np.int64))
    swings = []
    for begin, end in zip(r_peaks + T_SPAN[0], ends, strict=True):
        if end - begin >= SHORTEST_T and end <= len(lead_mv):
            # The line joins both ends of the stretch, so that an ST segment that is raised or lowered does not count.
            wave = lead_mv[begin:end] - np.linspace(lead_mv[begin], lead_mv[end - 1], end - begin)
            swings.append((wave.max(), -wave.min()))
    if not swings:
        return False
    up, down = np.median(swings, axis=0)
    return bool(down > up)


def _neurokit(lead_mv: NDArray[np.float64], r_peaks: Landmarks) -> Landmarks:
    """NeuroKit2's landmarks (beats, 4) in one lead (T,), as they are; raises NotDelineated."""
    if np.ptp(lead_mv) == 0:
        raise NotDelineated("flat")
    mirrored = np.pad(lead_mv, MIRRORED, mode="reflect")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = neurokit2.ecg_clean(mirrored, sampling_rate=SAMPLING_RATE)
        try:  # with fewer than four beats it finds no heart rate, and raises this
            _, waves = neurokit2.ecg_delineate(
                clean, r_peaks + MIRRORED, sampling_rate=SAMPLING_RATE, method="dwt"
            )
        except ValueError as error:
            raise NotDelineated(f"NeuroKit2 raised ValueError: {error}") from error
    columns = [np.asarray(waves[key], dtype=np.float64) for key in KEYS]
    if any(len(column) != len(r_peaks) for column in columns):
        raise NotDelineated("NeuroKit2 lost a beat")
    found = np.stack(columns, axis=1) - MIRRORED
    inside = (found >= 0) & (found < len(lead_mv))  # NaN is not
    return np.where(inside, found, MISSING).astype(np.int64)


def begin_of_movement(signal_mv: NDArray[np.float32], r_peaks: Landmarks) -> Landmarks:
    """QRS onset (beats,) in all leads together: the last sample before the R-peak at which they stand still.

    That is where the length of the leads' velocity is below 15 % of its maximum in the QRS complex.
    """
    velocity = np.linalg.norm(np.gradient(signal_mv.astype(np.float64), axis=0), axis=1)
    onsets = np.full(len(r_peaks), MISSING, dtype=np.int64)
    for beat, peak in enumerate(r_peaks):
        begin = max(peak - QRS_BEFORE_R[1], 0)
        before = velocity[begin : peak + 1]
        still = before < STILL * velocity[begin : peak + QRS_END + 1].max()
        # Not after the fastest moment before the peak: at the peak itself all leads may turn at once.
        candidates = np.flatnonzero(still[: int(before.argmax())])
        if len(candidates):
            onsets[beat] = begin + candidates[-1]
    return onsets


def plausible_landmarks(found: Landmarks, r_peaks: Landmarks, movement: Landmarks, samples: int) -> Landmarks:
    """The landmarks (beats, 4) with MISSING where they are out of order, out of range or in another beat.

    A QRS onset is moved to the beginning of `movement` (beats,) in all leads where it is missing or off it: in 46 % of
    the beats of 200 real records NeuroKit2 put it before the P offset. Of what does not go together, the surer
    landmark stays: QRS onset, then T offset, then P.
    """
    p_onset, p_offset, qrs_onset, t_offset = found.T.copy()
    off = (qrs_onset == MISSING) | (np.abs(qrs_onset - movement) > ONSETS_AGREE)
    qrs_onset = np.where(off & (movement != MISSING), movement, qrs_onset)
    last_peak = np.insert(r_peaks[:-1], 0, MISSING)
    keep(qrs_onset, _between(r_peaks - qrs_onset, QRS_BEFORE_R) & (qrs_onset > last_peak))
    # The QRS complex where it was not found, so that its neighbours can be judged.
    begin = np.where(qrs_onset == MISSING, r_peaks - USUAL_QRS, qrs_onset)
    next_begin = np.append(begin[1:], samples)
    keep(
        t_offset,
        _between(t_offset - begin, QT_INTERVAL) & (t_offset - r_peaks >= ST_AND_T) & (t_offset < next_begin),
    )
    last_end = np.maximum(np.insert(t_offset[:-1], 0, MISSING), last_peak)
    keep(p_onset, _between(begin - p_onset, PR_INTERVAL) & (p_onset > last_end))
    keep(p_offset, (p_offset > last_end) & (p_offset <= begin) & (begin - p_offset < PR_INTERVAL[1]))
    both = (p_onset != MISSING) & (p_offset != MISSING)
    misfits = both & ~_between(p_offset - p_onset, P_DURATION)
    p_onset[misfits] = p_offset[misfits] = MISSING
    return np.stack([p_onset, p_offset, qrs_onset, t_offset], axis=1)


def keep(landmark: Landmarks, plausible: NDArray[np.bool_]) -> None:
    """Mark a landmark (beats,) as MISSING, in place, where it is not `plausible` (beats,)."""
    landmark[~plausible] = MISSING


def _between(interval: Landmarks, bounds: tuple[int, int]) -> NDArray[np.bool_]:
    least, most = bounds
    inside: NDArray[np.bool_] = (interval >= least) & (interval <= most)
    return inside


def inner_share(which: NDArray[np.bool_], r_peaks: Landmarks, samples: int) -> float:
    """Share of the beats that are whole, or of all where none is."""
    inner = (r_peaks >= INNER[0]) & (r_peaks < samples - INNER[1])
    return float(which[inner].mean() if inner.any() else which.mean())
