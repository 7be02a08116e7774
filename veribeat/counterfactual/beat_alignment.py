"""A donor in the rhythm of a query, beat by beat, from the first sample to the last (our alternative to [CF] 3.3.1)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from veribeat.counterfactual.alignment import FEWEST_PEAKS
from veribeat.counterfactual.sparse import Signal
from veribeat.signal.interpolation import at_times
from veribeat.signal.median_beat import QRS_REACH, median_rr

FADE = 4
"""Samples to either side of an R-peak over which the donor's last beat fades into its first, where it begins again."""


def align_beats(
    donor_mv: Signal, donor_peaks: NDArray[np.integer], query_peaks: NDArray[np.integer]
) -> Signal | None:
    """Return the donor (T, leads) with its beats where those of a query of the same length are; None without beats.

    Each QRS complex keeps its width: 8 samples to either side of an R-peak are not scaled, and what lies between two
    complexes is stretched to the query's interval. The query's intervals take those of the donor one after the other,
    from the first again where there are no more. The ends are filled in the same way, as if the query had beats there
    at its median interval, so that nothing is padded.

    Args:
        donor_mv: (T, leads) in mV.
        donor_peaks: samples of its R-peaks, ascending; two at least.
        query_peaks: those of the query, ascending; one at least.
    """
    if len(donor_peaks) < FEWEST_PEAKS or not len(query_peaks):
        return None
    samples, intervals = len(donor_mv), len(donor_peaks) - 1
    beats = _continued(query_peaks, samples)
    at = np.empty(samples)
    for place, (begin, end) in enumerate(pairwise(beats)):
        first, last = donor_peaks[place % intervals], donor_peaks[place % intervals + 1]
        reach = min(QRS_REACH, (end - begin) // 3, (last - first) // 3)
        times = np.arange(max(begin, 0), min(end, samples))
        at[times] = np.interp(
            times, [begin, begin + reach, end - reach, end], [first, first + reach, last - reach, last]
        )
    aligned = at_times(donor_mv, at).astype(np.float32)
    for peak in beats[intervals:-1:intervals]:
        _fade(aligned, donor_mv, int(peak), int(donor_peaks[-1]), int(donor_peaks[0]))
    return aligned


def _continued(query_peaks: NDArray[np.integer], samples: int) -> NDArray[np.int64]:
    """The query's R-peaks, and before and after them as many, at its median interval, as it takes to pass its ends."""
    step = max(round(median_rr(query_peaks)), 1)
    before = np.arange(query_peaks[0], -step, -step)[:0:-1]
    after = np.arange(query_peaks[-1], samples + step, step)[1:]
    return np.concatenate([before, query_peaks, after]).astype(np.int64)


def _fade(aligned: Signal, donor_mv: Signal, peak: int, ended: int, begun: int) -> None:
    """Join the donor's beats at `ended` and `begun`, whose R-peaks both are at `peak`, without a jump."""
    inner = np.arange(max(peak - FADE, 0), min(peak + FADE + 1, len(aligned)))
    share = ((inner - peak + FADE + 1) / (2 * FADE + 2))[:, None]
    one, other = at_times(donor_mv, inner - peak + ended), at_times(donor_mv, inner - peak + begun)
    aligned[inner] = (1 - share) * one + share * other
