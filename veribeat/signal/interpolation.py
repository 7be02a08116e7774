"""A recording between its samples."""

import numpy as np
from numpy.typing import NDArray


def at_times(signal_mv: NDArray[np.floating], times: NDArray[np.number]) -> NDArray[np.float64]:
    """A signal (T, leads) at `times` in samples, of any shape, linearly interpolated: (*times.shape, leads).

    Before the first sample and after the last one it is as there.
    """
    last = len(signal_mv) - 1
    inner = np.clip(times, 0, last)
    below = np.floor(inner).astype(np.int64)
    above = np.minimum(below + 1, last)
    share = (inner - below)[..., None]
    mixed: NDArray[np.float64] = (1 - share) * signal_mv[below] + share * signal_mv[above]
    return mixed
