"""Means over draws in replicates: values, their Monte-Carlo error, and when there are draws enough."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from veribeat.attribution.draws import FEWEST_REPLICATES
from veribeat.errors import InputError

Contributions = Callable[[slice], Iterable[Tensor]]
"""Some of the draws to what each contributes to the values, (draws, T, L), one class after the other."""


@dataclass(frozen=True)
class Averages:
    """Over draws, for k classes."""

    values: NDArray[np.float64]
    """(k, T, L)."""
    monte_carlo_error: NDArray[np.float64]
    """(k,), relative: see `relative_error`."""
    draws: int
    """That were made."""


def average(
    contributions: Contributions,
    shape: tuple[int, int, int],
    replicates: NDArray[np.int64],
    batch: int,
    target_error: float | None = None,
) -> Averages:
    """Average what draws contribute, all of them or until the error is small enough.

    Args:
        contributions: called with `batch` draws at a time, always as many, from the first on.
        shape: (k, T, L) of the values.
        replicates: (n,) the replicate of each draw, from 0 on, in rising order and of equal size, at least two.
        batch: draws at a time.
        target_error: relative Monte-Carlo error; after `FEWEST_REPLICATES`, no replicate is added once that of every
            class is at or below it. The error is itself an estimate, from the replicates so far: because draws stop
            when it happens to be small, it is a little too small on average. None: all draws.

    Raises:
        InputError: the batches are not filled; with a target, a batch straddles two replicates, or there are fewer
            than `FEWEST_REPLICATES`.
    """
    count, total = len(replicates), int(replicates[-1]) + 1
    size = count // total
    if count % batch:
        raise InputError(f"{count} draws do not fill batches of {batch}: choose a batch that divides them.")
    if target_error is not None and total < FEWEST_REPLICATES:
        raise InputError(
            f"{total} replicates are too few to stop at a Monte-Carlo error: choose {FEWEST_REPLICATES} or more."
        )
    if target_error is not None and size % batch:
        raise InputError(
            f"{size} draws per replicate do not fill batches of {batch}: choose a batch that divides them."
        )
    numbers = torch.from_numpy(replicates)
    sums = torch.zeros((shape[0], total, *shape[1:]), dtype=torch.float64)
    for start in range(0, count, batch):
        rows = slice(start, start + batch)
        for place, each in enumerate(contributions(rows)):
            sums[place].index_add_(0, numbers[rows], each.to(torch.float64))
        done, rest = divmod(rows.stop, size)
        if target_error is None or rest or not FEWEST_REPLICATES <= done < total:
            continue
        found = _averages(sums[:, :done], rows.stop)
        if (found.monte_carlo_error <= target_error).all():
            return found
    return _averages(sums, count)


def _averages(sums: Tensor, count: int) -> Averages:
    """Of sums (k, replicates, T, L) over `count` draws."""
    means = (sums * (sums.shape[1] / count)).numpy()
    values = means.mean(axis=1)
    return Averages(values, relative_error(means.var(axis=1, ddof=1) / means.shape[1], values), count)


def relative_error(variances: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root of the mean variance of a class's values over their root mean square: (k, T, L) twice to (k,).

    0 for a class whose logit nothing changes: its values are 0, all draws agree on that.
    """
    variance, size = variances.mean(axis=(1, 2)), np.square(values).mean(axis=(1, 2))
    ratio: NDArray[np.float64] = np.divide(variance, size, out=np.zeros_like(size), where=size > 0)
    return np.sqrt(ratio)
