"""SmoothGrad times the signal, on functions whose gradients are known and on a network."""

import numpy as np
import pytest
import torch
from torch import nn

from models.backbones.registry import build_backbone
from veribeat.attribution.smooth_grad import smooth_grad
from veribeat.errors import InputError


class Polynomial(nn.Module):
    """Three logits of (B, T, 12): weighted sums of the samples, of their squares and of their cubes."""

    def __init__(self):
        super().__init__()
        self.weights = torch.randn(50, 12, generator=torch.Generator().manual_seed(3))

    def forward(self, signals):
        return torch.stack([(signals**power * self.weights).sum(dim=(1, 2)) for power in (1, 2, 3)], dim=1)


def case():
    signal = np.random.default_rng(9).normal(0, 0.3, (50, 12)).astype(np.float32)
    return Polynomial().eval(), signal


def test_a_linear_logit_gives_the_weights_times_the_signal_without_error():
    model, signal = case()
    found = smooth_grad(model, signal, [0], 0.1, 12, 4, 6, (1, 2))
    np.testing.assert_allclose(found.values[0], model.weights.numpy() * signal, rtol=1e-5)
    assert found.values.dtype == np.float32
    assert found.monte_carlo_error == pytest.approx([0], abs=1e-7)
    assert found.logits == pytest.approx([(model.weights.numpy() * signal).sum()], rel=1e-5)
    assert np.isnan(found.baseline_logits).all()
    assert np.isnan(found.completeness_gap).all()
    assert found.draws == 12


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_noise_is_a_share_of_the_range_of_the_record(noise):
    """E[3 w (x + e)^2] = 3 w (x^2 + s^2) for noise e of standard deviation s."""
    model, signal = case()
    found = smooth_grad(model, signal, [2], noise, 4000, 4, 500, (1, 2))
    s = noise * (signal.max() - signal.min())
    per_weight = found.values[0] / (model.weights.numpy() * signal)
    assert np.mean(per_weight - 3 * signal**2) == pytest.approx(3 * s**2, rel=0.02)


def test_the_error_foretells_how_far_off_values_are():
    model, signal = case()
    truth = 2 * model.weights.numpy() * signal**2
    ratios = []
    for seed in range(20):
        found = smooth_grad(model, signal, [1], 0.2, 40, 8, 40, (seed,))
        actual = np.sqrt(np.mean((found.values[0] - truth) ** 2) / np.mean(truth**2))
        ratios.append(actual / found.monte_carlo_error[0])
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_copies_are_the_seeds_whatever_the_batch():
    model, signal = case()

    def values(seed, batch=20):
        return smooth_grad(model, signal, [1, 2], 0.1, 20, 4, batch, seed).values

    assert np.array_equal(values((1, 5)), values((1, 5)))
    assert not np.array_equal(values((1, 5)), values((1, 6)))
    np.testing.assert_allclose(values((1, 5), batch=4), values((1, 5)), rtol=1e-5, atol=1e-7)


def test_copies_stop_at_the_target_and_not_before_four_replicates():
    model, signal = case()
    whole = smooth_grad(model, signal, [1, 2], 0.2, 80, 16, 5, (1, 5))
    assert whole.draws == 80
    assert smooth_grad(model, signal, [1, 2], 0.2, 80, 16, 5, (1, 5), 0.99).draws == 20
    target = 1.2 * float(whole.monte_carlo_error.max())
    found = smooth_grad(model, signal, [1, 2], 0.2, 80, 16, 5, (1, 5), target)
    assert 20 < found.draws < 80
    assert (found.monte_carlo_error <= target).all()
    never = smooth_grad(model, signal, [1, 2], 0.2, 80, 16, 5, (1, 5), 1e-6)
    assert np.array_equal(never.values, whole.values)


def test_classes_of_a_network_do_not_change_each_other():
    torch.manual_seed(0)
    model = build_backbone("cnn_gru_flow").eval()
    signal = np.random.default_rng(9).normal(0, 0.3, (1000, 12)).astype(np.float32)
    together = smooth_grad(model, signal, [4, 0], 0.1, 8, 2, 4, (1, 5))
    alone = smooth_grad(model, signal, [0], 0.1, 8, 2, 4, (1, 5))
    assert np.array_equal(together.values[1], alone.values[0])
    assert together.values.shape == (2, 1000, 12)
    assert smooth_grad(model, signal, [], 0.1, 8, 2, 4, (1, 5)).values.shape == (0, 1000, 12)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("noise", "count", "replicates", "batch", "words"),
    [
        (0.1, 20, 3, 5, "20 noisy copies cannot be 3 replicates"),
        (0.1, 20, 1, 5, "20 noisy copies cannot be 1 replicates"),
        (0.1, 20, 4, 3, "20 draws do not fill batches of 3"),
        (0.0, 20, 4, 5, "noise of SmoothGrad is 0 of the record's range"),
    ],
)
def test_what_does_not_fit_is_refused(noise, count, replicates, batch, words):
    model, signal = case()
    with pytest.raises(InputError, match=words):
        smooth_grad(model, signal, [0], noise, count, replicates, batch, (1,))


def test_a_model_in_training_is_refused():
    model, signal = case()
    with pytest.raises(ValueError, match="evaluation mode"):
        smooth_grad(model.train(), signal, [0], 0.1, 20, 4, 5, (1,))
