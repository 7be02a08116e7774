"""What each sampling does to the spread of estimates, on functions whose parts are known and on a network."""

import numpy as np
import pytest
import torch
from torch import nn

from models.backbones.registry import build_backbone
from veribeat.attribution.base import make_background
from veribeat.attribution.draws import Draws, make_draws
from veribeat.attribution.expected_gradients import expected_gradients


class WeightedPower(nn.Module):
    """One logit of (B, T, 12): a weighted sum of powers of the samples."""

    def __init__(self, power):
        super().__init__()
        self.power = power
        self.weights = torch.randn(40, 12, generator=torch.Generator().manual_seed(3))

    def forward(self, signals):
        return (signals**self.power * self.weights).sum(dim=(1, 2))[:, None]


def normal(records, spread, seed, samples=40):
    return np.random.default_rng(seed).normal(0, spread, (records, samples, 12)).astype(np.float32)


def pairs_of_one_background(count, replicates, available, seed):
    """Antithetic draws but for the background, which a pair shares."""
    draws = make_draws(count, replicates, available, "antithetic", seed)
    size = count // replicates
    chosen = draws.backgrounds.reshape(replicates, size)[:, : size // 2]
    shared = np.concatenate((chosen, chosen[:, ::-1]), axis=1)
    return Draws(shared.ravel(), draws.alphas, draws.replicates, None)


def spread_of(model, signal, background, sampling, count, replicates, repetitions):
    """Root mean square, over samples and leads, of the standard deviation of estimates from different seeds."""
    found = []
    for seed in range(repetitions):
        available = len(background.signals_mv)
        draws = (
            pairs_of_one_background(count, replicates, available, (seed,))
            if sampling == "one background"
            else make_draws(count, replicates, available, sampling, (seed,))
        )
        found.append(expected_gradients(model, signal, background, [0], draws, count).values[0])
    return float(np.sqrt(np.var(found, axis=0, ddof=1).mean()))


@pytest.mark.parametrize(
    ("power", "share"), [(2, 0.1), (3, 0.7)]
)  # of alpha, and of its square, the odd part
def test_mirrored_alphas_cancel_where_backgrounds_are_much_alike(power, share):
    model = WeightedPower(power).eval()
    background = make_background(model, normal(500, 0.001, 1), 100)
    spreads = {
        sampling: spread_of(model, normal(1, 1, 2)[0], background, sampling, 16, 4, 40)
        for sampling in ("random", "stratified", "antithetic")
    }
    assert spreads["stratified"] < 0.3 * spreads["random"]
    assert spreads["antithetic"] < share * spreads["stratified"]


@pytest.mark.parametrize(("spread", "lowest"), [(0.1, 1.15), (0.5, 0.9), (2.0, 0.1)])
def test_one_background_for_a_pair_pays_only_where_the_record_is_far_from_all_backgrounds(spread, lowest):
    """Of the square, alpha = 1/2 is the whole mean over alpha, and what backgrounds differ in is weight x'^2: twice the
    variance of that against the variance of (alpha - 1/2) (x - x')^2, which grows with x. Records are compared with
    their own population, and the gradients of a network are less steep in alpha than those of a square."""
    model = WeightedPower(2).eval()
    background = make_background(model, normal(2000, 0.5, 1), 100)
    spreads = {
        sampling: spread_of(model, normal(1, spread, 2)[0], background, sampling, 40, 4, 60)
        for sampling in ("stratified", "antithetic", "one background")
    }
    assert spreads["antithetic"] < 1.05 * spreads["stratified"]
    ratio = spreads["one background"] / spreads["antithetic"]
    assert lowest < ratio < lowest + 0.4


def network_and_background():
    torch.manual_seed(0)
    model = build_backbone("cnn_gru_flow")
    model.normalise.set_statistics(0.0, 0.3)
    return model, make_background(model.eval(), normal(150, 0.3, 1, 1000), 50)


def test_stratified_and_antithetic_draws_spread_less_than_random_ones_on_a_network():
    model, background = network_and_background()
    signal = normal(1, 0.9, 2, 1000)[0]
    spreads = {
        sampling: spread_of(model, signal, background, sampling, 40, 4, 12)
        for sampling in ("random", "stratified", "antithetic")
    }
    assert spreads["stratified"] < 0.9 * spreads["random"]
    assert spreads["antithetic"] < 0.9 * spreads["random"]


def test_on_a_network_a_record_like_its_backgrounds_needs_two_of_them_for_a_pair():
    model, background = network_and_background()
    signal = normal(1, 0.3, 2, 1000)[0]
    spreads = {
        sampling: spread_of(model, signal, background, sampling, 40, 4, 12)
        for sampling in ("antithetic", "one background")
    }
    assert spreads["one background"] > 1.1 * spreads["antithetic"]
