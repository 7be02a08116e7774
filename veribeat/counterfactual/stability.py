"""Does a counterfactual stand small disturbances: noise and shifts in time ([CF] 3.4.3)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.dtw.moved import moved_distances

Signal = NDArray[np.float32]


def draw_noise(levels: int, draws: int, shape: tuple[int, int], seed: Sequence[int]) -> Signal:
    """Standard normal noise (levels, draws, T, leads): the epsilon of [CF] eq. 20 before it is scaled."""
    return np.random.default_rng(seed).standard_normal((levels, draws, *shape), dtype=np.float32)


def with_noise(signal_mv: Signal, levels: Sequence[float], noise: Signal) -> Signal:
    """The signal (T, leads) plus `noise` (levels, draws, T, leads), scaled to levels x its standard deviation.

    Returns (levels * draws, T, leads). The standard deviation is one for all leads, as [CF] eq. 20 has it.
    """
    scale = np.float32(signal_mv.std(dtype=np.float64)) * np.asarray(levels, dtype=np.float32)
    noisy: Signal = signal_mv + scale[:, None, None, None] * noise
    return noisy.reshape(-1, *signal_mv.shape)


def shifted(signal_mv: Signal, shifts: Sequence[int]) -> Signal:
    """The signal (T, leads) later by each of `shifts` samples (negative: earlier), (shifts, T, leads).

    The first or last sample is repeated where the shifted signal has none.
    """
    last = len(signal_mv) - 1
    taken_from = np.clip(np.arange(last + 1) - np.array(shifts, dtype=np.int64)[:, None], 0, last)
    moved: Signal = signal_mv[taken_from]
    return moved


def share_kept(labels: NDArray[np.bool_], of_disturbed: NDArray[np.bool_]) -> float:
    """Share of the label sets `of_disturbed` (n, 5) that are equal to `labels` (5,): [CF] eq. 20."""
    return float((of_disturbed == labels).all(axis=1).mean())


def temporal_stability(signal_mv: Signal, shifts: Sequence[int], sigma_mv: float) -> float:
    """1 / (1 + mean DTW / sqrt(T * leads)) between a signal (T, leads) and itself, `shifted`: [CF] eq. 21-22.

    DTW is in normalised units, that is mV / `sigma_mv`, in which the model sees the signal; [CF] names no unit. DTW
    undoes a shift but for the samples lost at its ends, so this is near 1 for every recording. It says something of the
    signal's first and last samples, and nothing of the model: see `share_kept` of shifts for that.
    """
    distances = moved_distances(signal_mv, shifted(signal_mv, shifts), shifts) / sigma_mv
    return float(1 / (1 + distances.mean() / np.sqrt(signal_mv.size)))
