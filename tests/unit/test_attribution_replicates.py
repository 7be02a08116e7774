"""Means over replicates, and when draws stop: `average` on contributions that are known, then expected gradients."""

import numpy as np
import pytest
import torch

from models.backbones.registry import build_backbone
from veribeat.attribution.base import make_background
from veribeat.attribution.draws import Draws, make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.replicates import average
from veribeat.errors import InputError

REPLICATES, SIZE = 12, 5


def contributions_of(noise, seed=0):
    """Of two classes, (2, 60, 20, 12): values around 1, the second class with half the noise of the first."""
    drawn = np.random.default_rng(seed).normal(0, noise, (2, REPLICATES * SIZE, 20, 12))
    return 1 + drawn * np.array([1, 0.5])[:, None, None, None]


def average_of(known, target_error, batch=SIZE):
    asked = []

    def contributions(rows):
        asked.append(rows)
        return [torch.from_numpy(of_class[rows]) for of_class in known]

    numbers = np.repeat(np.arange(REPLICATES), SIZE)
    found = average(contributions, (len(known), 20, 12), numbers, batch, target_error)
    assert sum(rows.stop - rows.start for rows in asked) == found.draws  # no draw is made in vain
    return found


def errors_after(known, replicates):
    means = known[:, : replicates * SIZE].reshape(len(known), replicates, SIZE, 20, 12).mean(axis=2)
    variances = means.var(axis=1, ddof=1) / replicates
    return np.sqrt(variances.mean(axis=(1, 2)) / np.square(means.mean(axis=1)).mean(axis=(1, 2)))


@pytest.mark.parametrize("target", [0.5, 0.3, 0.26, 0.22, 0.2, 0.1])
def test_draws_stop_after_the_first_replicate_at_which_every_error_is_small_enough(target):
    known = contributions_of(noise=1.3)
    enough = [count for count in range(4, REPLICATES) if errors_after(known, count).max() <= target]
    expected = min(enough, default=REPLICATES)
    found = average_of(known, target)
    assert found.draws == expected * SIZE
    np.testing.assert_allclose(found.values, known[:, : found.draws].mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.monte_carlo_error, errors_after(known, expected), rtol=1e-9)


def test_the_targets_of_that_test_stop_early_midway_and_never():
    known = contributions_of(noise=1.3)
    used = {average_of(known, target).draws // SIZE for target in (0.5, 0.3, 0.26, 0.22, 0.2, 0.1)}
    assert {4, REPLICATES} < used


def test_replicates_that_agree_are_still_four():
    found = average_of(np.ones((2, REPLICATES * SIZE, 20, 12)), 1e-6)
    assert found.draws == 4 * SIZE
    assert found.monte_carlo_error.tolist() == [0, 0]


def test_an_error_at_the_target_is_small_enough():
    known = contributions_of(noise=1.3)
    errors = average_of(known[:, : REPLICATES * SIZE], None).monte_carlo_error
    assert errors.max() < average_of(known, 0.5).monte_carlo_error.max()
    exactly = average_of(known, 0.5).monte_carlo_error.max()
    assert average_of(known, exactly).draws == 4 * SIZE


def test_the_noisiest_class_decides():
    known = contributions_of(noise=1.3)
    target = 0.2
    assert average_of(known[1:], target).draws < average_of(known, target).draws


def test_without_a_target_all_draws_are_made_in_batches_of_any_size_that_divides_them():
    known = contributions_of(noise=0.01)
    found = average_of(known, None, batch=15)
    assert found.draws == REPLICATES * SIZE
    np.testing.assert_allclose(found.monte_carlo_error, errors_after(known, REPLICATES), rtol=1e-9)


def test_batches_and_replicates_that_do_not_fit_are_refused():
    known = contributions_of(noise=1)
    with pytest.raises(InputError, match="60 draws do not fill batches of 7"):
        average_of(known, None, batch=7)
    with pytest.raises(InputError, match="5 draws per replicate do not fill batches of 15"):
        average_of(known, 0.1, batch=15)
    with pytest.raises(InputError, match="3 replicates are too few to stop at a Monte-Carlo error"):
        average(lambda rows: [], (0, 20, 12), np.repeat(np.arange(3), 4), 4, 0.1)


def test_expected_gradients_that_stop_are_those_of_the_replicates_made():
    torch.manual_seed(0)
    model = build_backbone("cnn_gru_flow").eval()
    signals = np.random.default_rng(1).normal(0, 0.5, (31, 1000, 12)).astype(np.float32)
    background = make_background(model, signals[1:], 10)
    draws = make_draws(32, 8, 30, "antithetic", (1, 5))
    whole = expected_gradients(model, signals[0], background, [0, 3], draws, 4)
    first = Draws(draws.backgrounds[:20], draws.alphas[:20], draws.replicates[:20], None)
    shorter = expected_gradients(model, signals[0], background, [0, 3], first, 4)
    target = float(shorter.monte_carlo_error.max())
    found = expected_gradients(model, signals[0], background, [0, 3], draws, 4, target)
    again = expected_gradients(model, signals[0], background, [0, 3], draws, 4, target)
    assert (whole.draws, shorter.draws) == (32, 20)
    assert found.draws in (16, 20)
    assert (found.monte_carlo_error <= target).all()
    same = {16: again, 20: shorter}[found.draws]
    for name in ("values", "logits", "baseline_logits", "monte_carlo_error"):
        assert np.array_equal(getattr(found, name), getattr(same, name))
        assert np.array_equal(getattr(found, name), getattr(again, name))
