"""A prototype in the rhythm of a query: piecewise-linear warping between R-peaks ([CF] 3.3.1, eq. 12)."""

import numpy as np
from numpy.typing import NDArray

FEWEST_PEAKS = 2
"""Two R-peaks enclose one cardiac cycle, the least that can be warped."""


def align(
    prototype_mv: NDArray[np.float32], prototype_peaks: NDArray[np.integer], query_peaks: NDArray[np.integer]
) -> NDArray[np.float32] | None:
    """A prototype (T, leads) in mV with its R-peaks where a query of the same length has them.

    None where either has fewer than two R-peaks.

    [CF] 3.3.1 with its open points read like this:

    - "truncate the preceding cardiac cycles": of a prototype with more beats, the last ones are kept;
    - of a prototype with fewer beats, "the last matching R-peak" is the last one of both, too, so that one rule covers
      both cases: the last peaks are matched, as many as both have. (The alternative, to match the first peaks, has the
      padding at the end of the query.)
    - everything before the first and after the last matched R-peak is zero, with equal numbers of beats, too.

    Between two matched R-peaks the prototype's time is stretched linearly, and each lead interpolated linearly there
    (eq. 12). R-peaks themselves keep the prototype's values exactly.

    Args:
        prototype_mv: (T, leads).
        prototype_peaks: samples of the prototype's R-peaks, ascending, within 0 to T - 1.
        query_peaks: those of the query, likewise.

    Raises:
        ValueError: R-peaks that are not ascending or outside of the recording.
    """
    samples = len(prototype_mv)
    matched = min(len(prototype_peaks), len(query_peaks))
    if matched < FEWEST_PEAKS:
        return None
    _check(prototype_peaks, samples)
    _check(query_peaks, samples)
    source, destination = prototype_peaks[-matched:], query_peaks[-matched:]
    start, end = int(destination[0]), int(destination[-1]) + 1
    times = np.interp(np.arange(start, end), destination, source)
    aligned = np.zeros(prototype_mv.shape, dtype=np.float32)
    for lead in range(prototype_mv.shape[1]):
        aligned[start:end, lead] = np.interp(times, np.arange(samples), prototype_mv[:, lead])
    return aligned


def _check(peaks: NDArray[np.integer], samples: int) -> None:
    if peaks[0] < 0 or peaks[-1] >= samples or (np.diff(peaks) <= 0).any():
        raise ValueError(f"R-peaks must ascend within 0 to {samples - 1}: {peaks.tolist()}.")
