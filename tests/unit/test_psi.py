"""PSI, and the bins that it is made in."""

import numpy as np
import pytest
from numpy.typing import NDArray

from veribeat.drift.psi import TAIL, category_counts, psi_by_chance, psi_of_counts, quantile_bins
from veribeat.errors import InputError


def psi(old: NDArray, new: NDArray, tail: float = TAIL) -> float:
    """PSI of numbers, as `veribeat.drift.batch` makes it."""
    bins = quantile_bins(old, tail=tail)
    return psi_of_counts(bins.counts(old), bins.counts(new))


def test_identical_samples_have_none() -> None:
    values = np.random.default_rng(0).normal(size=500)
    assert psi(values, values[::-1]) == 0
    assert psi_of_counts(*category_counts(["a", "b", "a"], ["b", "a", "a"])) == 0


def test_counts_are_treated_alike() -> None:
    one, other = [3, 50, 0, 7], [10, 1, 4, 0]
    assert psi_of_counts(one, other) == pytest.approx(psi_of_counts(other, one), rel=1e-12)


def test_it_is_the_sum_over_bins() -> None:
    a, b = np.array([10.5, 30.5]) / 41, np.array([20.5, 20.5]) / 41
    assert psi_of_counts([10, 30], [20, 20]) == pytest.approx(((a - b) * np.log(a / b)).sum())


def test_a_monotone_transform_changes_nothing() -> None:
    random = np.random.default_rng(1)
    old, new = random.normal(size=800), random.normal(0.3, 1.2, size=300)
    assert psi(np.exp(3 * old), np.exp(3 * new)) == psi(old, new) > 0.1


@pytest.mark.parametrize("value", [4.0, 6.0])
def test_a_constant_is_left_both_ways(value: float) -> None:
    assert psi(np.full(200, 5.0), np.full(100, 5.0)) == 0
    assert psi(np.full(200, 5.0), np.full(100, value)) > 5


def test_ties_have_a_bin_of_their_own() -> None:
    values = np.concatenate((np.zeros(60), np.arange(1, 41)))
    bins = quantile_bins(values, tail=0.0)
    counts = bins.counts(values)
    assert counts.tolist() == [0, 60, 10, 10, 10, 10]
    assert bins.count == len(counts)
    assert bins.counts([-1.0, 0.0, 0.5, 100.0]).tolist() == [1, 1, 1, 0, 0, 1]


def test_bins_have_the_share_that_was_asked_for() -> None:
    counts = quantile_bins(np.random.default_rng(2).random(1000), 10, 0.01).counts(np.linspace(0, 1, 5))
    assert len(counts) == 12
    values = np.arange(1000)
    assert quantile_bins(values).counts(values).tolist() == [10, 90, *[100] * 8, 90, 10]


def test_a_tenth_far_outside_is_seen_by_the_tails() -> None:
    values = np.random.default_rng(3).normal(size=5000)
    new = np.where(np.arange(5000) % 10, values, 99)
    assert psi(values, new, tail=0.0) < 0.1
    assert psi(values, new) > 0.2


def test_by_chance_is_what_chance_makes_on_average() -> None:
    random = np.random.default_rng(4)
    found, expected = [], []
    for _ in range(300):
        old, new = random.normal(size=400), random.normal(size=150)
        bins = quantile_bins(old)
        counts = bins.counts(old), bins.counts(new)
        found.append(psi_of_counts(*counts))
        expected.append(psi_by_chance(*counts))
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.15)


def test_categories_of_either_side_have_a_bin() -> None:
    counts = category_counts(["a", "b", "b"], ["c", "b"])
    assert [one.tolist() for one in counts] == [[1, 2, 0], [0, 1, 1]]


def test_what_cannot_be_compared_is_refused() -> None:
    for wrong in ([], [1.0, np.nan], [np.inf]):
        with pytest.raises(InputError, match="finite"):
            quantile_bins(wrong)
    for bins, tail in ((1, 0.0), (10, 0.1), (10, -0.1)):
        with pytest.raises(InputError, match="at least 2"):
            quantile_bins([1.0], bins, tail)
    for counts in ([1], [1, -1], [1, 2, 3]):
        with pytest.raises(InputError, match="same bins"):
            psi_of_counts([1, 2], counts)
    with pytest.raises(InputError, match="no records"):
        psi_of_counts([1, 2], [0, 0])
