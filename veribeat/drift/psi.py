"""Population stability index (PSI): how far two samples of one quantity are apart, whatever their sizes.

PSI = sum over bins (a - b) ln(a / b), with a and b the shares of the two samples in a bin: the symmetric
Kullback-Leibler divergence (Jeffreys 1946) of binned samples. Rules of thumb from credit scoring (Siddiqi 2006) read
below 0.1 as no shift and 0.2 or 0.25 and above as a large one.

An empty bin would make it infinite, so half a record is added to each bin of both samples, as Jeffreys' prior does; a
bin that is empty in both does not count.

Two samples of n and m records of one distribution in k bins have a PSI of about (k - 1)(1/n + 1/m), because it is, to
first order, a chi-square statistic divided by the sizes (Yurdakul and Naranjo 2020): 0.2 is no sign of anything where
100 records meet 150 in 12 bins. That is `psi_by_chance`, which a verdict has to take off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from veribeat.errors import InputError

BINS = 10
TAIL = 0.01
"""Share of the reference in one more bin at each end. In tenths alone, a tenth of a batch far outside of the reference
makes a PSI of 0.07, as it only fills the last bin twice; with the hundredth at the end it makes 0.25."""

ADDED = 0.5
"""Records added to each bin that either sample uses."""


@dataclass(frozen=True)
class Bins:
    """Cuts between bins, both ascending: a value is beyond a cut in `at_least` from the cut on, in `above` after it."""

    at_least: NDArray[np.float64]
    above: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of bins."""
        return len(self.at_least) + len(self.above) + 1

    def counts(self, values: ArrayLike) -> NDArray[np.int64]:
        """Values (N,) in each bin, (bins,)."""
        x = np.asarray(values, dtype=np.float64)
        places = np.searchsorted(self.at_least, x, "right") + np.searchsorted(self.above, x, "left")
        return np.bincount(places, minlength=self.count)


def quantile_bins(reference: ArrayLike, bins: int = BINS, tail: float = TAIL) -> Bins:
    """Bins with as many of the reference's values (N,) in each, and two for the `tail` at both ends.

    Cuts are values of the reference, so a monotone transform of all values changes no count. A value that takes more
    than one bin's share, such as the only value of a constant, has a bin of its own, with one below and one above it.

    Raises:
        InputError: no values, values that are not finite, fewer than two bins, or a tail that is not below 1 / bins.
    """
    values = _finite(reference)
    if bins < 2 or not 0 <= tail < 1 / bins:
        raise InputError(
            f"PSI was asked for {bins} bins with tails of {tail:g}: give at least 2, and a tail from 0 to less than one"
            " bin's share."
        )
    levels = np.arange(1, bins) / bins
    if tail:
        levels = np.concatenate(([tail], levels, [1 - tail]))
    cuts, times = np.unique(np.quantile(values, levels, method="inverted_cdf"), return_counts=True)
    return Bins(at_least=cuts[times > 1], above=cuts)


def category_counts(reference: ArrayLike, batch: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each category occurs in (N,) and in (M,), both (categories,), in sorted order."""
    one, other = np.asarray(reference), np.asarray(batch)
    names, places = np.unique(np.concatenate((one, other)), return_inverse=True)
    size = len(names)
    return (
        np.bincount(places[: len(one)], minlength=size),
        np.bincount(places[len(one) :], minlength=size),
    )


def psi_of_counts(reference: ArrayLike, batch: ArrayLike) -> float:
    """PSI of two samples by their counts (bins,), which it treats alike.

    Raises:
        InputError: shapes that differ, negative counts, or a sample without records.
    """
    one, other = np.asarray(reference, dtype=np.float64), np.asarray(batch, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or min(one.min(initial=0), other.min(initial=0)) < 0:
        raise InputError(f"PSI needs counts of the same bins, none negative, but got {one} and {other}.")
    if not one.sum() or not other.sum():
        raise InputError("PSI compares two samples, but one of them has no records.")
    used = (one + other) > 0
    a, b = ((counts[used] + ADDED) / (counts[used] + ADDED).sum() for counts in (one, other))
    return float(np.sum((a - b) * np.log(a / b)))


def psi_by_chance(reference: ArrayLike, batch: ArrayLike) -> float:
    """What PSI is on average for counts (bins,) of one distribution: (k - 1)(1/n + 1/m), k the bins in use."""
    one, other = np.asarray(reference, dtype=np.float64), np.asarray(batch, dtype=np.float64)
    used = int(((one + other) > 0).sum())
    return float((used - 1) * (1 / one.sum() + 1 / other.sum()))


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise InputError(
            f"PSI needs a list of finite numbers, at least one, but got shape {numbers.shape} with"
            f" {int((~np.isfinite(numbers)).sum())} that are not finite."
        )
    return numbers
