"""The one check that all of this package makes of its input."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import LEADS
from veribeat.errors import InputError


def checked_signals(signals: ArrayLike) -> NDArray[np.float32]:
    """Return signals (N, T, 12) as contiguous float32.

    Raises:
        InputError: another shape, no samples, values that are not finite.
    """
    checked = np.ascontiguousarray(signals, dtype=np.float32)
    if checked.ndim != 3 or checked.shape[1] == 0 or checked.shape[2] != len(LEADS):
        raise InputError(
            f"Signals to be warped have the shape {checked.shape}; give (recordings, samples, {len(LEADS)} leads)."
        )
    if not np.isfinite(checked).all():
        raise InputError("Signals to be warped have values that are not finite; fill their gaps first.")
    return checked


def checked_pair(one: ArrayLike, many: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return one recording (T, 12) and many (N, T2, 12) as contiguous float32.

    Raises:
        InputError: as `checked_signals`.
    """
    return checked_signals(np.asarray(one)[None])[0], checked_signals(many)
