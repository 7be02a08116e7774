"""Whether two samples differ by more than chance, and by how much less a p-value says among many."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from veribeat.errors import InputError

Correction = Literal["holm", "benjamini_hochberg"]

FEWEST_EXPECTED = 5.0
"""Records that the chi-square test needs to expect in each cell (Cochran 1954)."""


def ks_test(reference: ArrayLike, batch: ArrayLike) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov test of numbers, (N,) and (M,): largest distance (0-1), and p.

    The asymptotic p is used throughout: with ties it is too large rather than too small, and for the group sizes here
    the exact one takes seconds and differs in the third digit.
    """
    result = stats.ks_2samp(np.asarray(reference), np.asarray(batch), method="asymp")
    return float(result.statistic), float(result.pvalue)


def category_test(reference: ArrayLike, batch: ArrayLike) -> tuple[float, float]:
    """Test of counts (categories,) for one distribution: statistic and p.

    Two categories: Fisher's exact test, and the odds of the second one in the batch over those in the reference, which
    may be infinite. More: Pearson's chi-square, with the
    rarest categories pooled until at least FEWEST_EXPECTED are expected everywhere; if two remain, Fisher's. One:
    statistic NaN, p 1.

    Raises:
        InputError: counts of different shapes, or a sample without records.
    """
    table = np.stack((np.asarray(reference, dtype=np.int64), np.asarray(batch, dtype=np.int64)))
    if table.ndim != 2 or not table.sum(axis=1).all():
        raise InputError("A test of categories compares two samples, but one of them has no records.")
    table = _pooled(table[:, table.any(axis=0)])
    if table.shape[1] == 1:
        return float("nan"), 1.0
    if table.shape[1] == 2:
        exact = stats.fisher_exact(table)
        return float(exact.statistic), float(exact.pvalue)
    result = stats.chi2_contingency(table, correction=False)
    return float(result.statistic), float(result.pvalue)


def _pooled(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts (2, categories), the two rarest made one as long as more than two remain and one is too rare."""
    columns = table
    share = table.sum(axis=1).min() / table.sum()
    while columns.shape[1] > 2 and columns.sum(axis=0).min() * share < FEWEST_EXPECTED:
        columns = columns[:, np.argsort(columns.sum(axis=0), kind="stable")]
        columns = np.column_stack((columns[:, :2].sum(axis=1), columns[:, 2:]))
    return columns


def adjusted(p: ArrayLike, correction: Correction = "holm") -> NDArray[np.float64]:
    """p-values (tests,) corrected for there being so many; NaN, a test that was not made, stays and does not count.

    holm (Holm 1979): those up to alpha hold with at most alpha of at least one false among them. benjamini_hochberg
    (1995): the false ones among them are at most a share alpha on average.

    Raises:
        InputError: an unknown correction.
    """
    values = np.asarray(p, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    made = ~np.isnan(values)
    if correction == "holm":
        result[made] = _holm(values[made])
    elif correction == "benjamini_hochberg":
        if made.any():
            result[made] = stats.false_discovery_control(values[made], method="bh")
    else:
        raise InputError(f"Unknown correction '{correction}': choose holm or benjamini_hochberg.")
    return result


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(stepped, 1)
    return result
