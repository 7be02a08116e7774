"""Tests of two samples, and the correction for many of them."""

import numpy as np
import pytest
from scipy import stats

from veribeat.drift.significance import adjusted, category_test, ks_test
from veribeat.errors import InputError


def test_numbers_are_compared_as_scipy_does() -> None:
    random = np.random.default_rng(0)
    old, new = random.normal(size=300), random.normal(0.5, size=200)
    assert ks_test(old, new) == pytest.approx(tuple(stats.ks_2samp(old, new, method="asymp")))


def test_two_categories_are_compared_exactly() -> None:
    assert category_test([30, 5], [10, 9]) == pytest.approx(tuple(stats.fisher_exact([[30, 5], [10, 9]])))


def test_the_odds_are_those_of_the_second_category_in_the_batch() -> None:
    assert category_test([100, 50], [100, 150])[0] == pytest.approx(3)


def test_rare_categories_are_pooled_and_absent_ones_do_not_count() -> None:
    expected = stats.chi2_contingency([[9, 50, 90], [9, 30, 60]], correction=False)
    assert category_test([4, 90, 0, 50, 5], [5, 60, 0, 30, 4]) == pytest.approx(
        (expected.statistic, expected.pvalue)
    )
    assert category_test([1, 2, 5000], [3, 1, 100])[1] == pytest.approx(
        stats.fisher_exact([[3, 5000], [4, 100]]).pvalue
    )


def test_one_category_does_not_differ() -> None:
    statistic, p = category_test([5, 0], [7, 0])
    assert np.isnan(statistic)
    assert p == 1


def test_holm_steps_down() -> None:
    # Holm 1979: times 3, 2, 1, and never less than the one before
    assert adjusted([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert adjusted([0.9, 0.8]) == pytest.approx([1, 1])


def test_tests_that_were_not_made_do_not_count() -> None:
    p = [0.01, np.nan, 0.04]
    assert adjusted(p) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert adjusted(p, "benjamini_hochberg") == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert np.isnan(adjusted([np.nan], "benjamini_hochberg")).all()


def test_errors() -> None:
    with pytest.raises(InputError, match="choose holm"):
        adjusted([0.1], "bonferroni")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no records"):
        category_test([1, 2], [0, 0])
