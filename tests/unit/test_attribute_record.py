"""Attributions of a network whose GRU is compiled are those of the network as it is."""

import numpy as np
import pytest
import torch

from models.attribution import attribute_record
from models.backbones.registry import build_backbone
from veribeat.attribution.base import Attribution, make_background
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.integrated_gradients import integrated_gradients
from veribeat.attribution.settings import AttributionSettings, Method
from veribeat.attribution.smooth_grad import smooth_grad

SEED = (1, 17)
CLASSES = [0, 3]


def settings_of(method: Method) -> AttributionSettings:
    return AttributionSettings(
        method, draws=24, replicates=4, sampling="stratified", target_error=None, noise=0.1
    )


def as_it_is(method: Method) -> tuple[Attribution, Attribution]:
    """By `attribute_record`, and by the method itself on the network as it is."""
    torch.manual_seed(0)
    network = build_backbone("cnn_gru_flow")
    network.normalise.set_statistics(0.0, 0.3)
    network.eval()
    signals = np.random.default_rng(5).normal(0, 0.3, (31, 1000, 12)).astype(np.float32)
    signal, background = signals[0], make_background(network, signals[1:], 8)
    settings = settings_of(method)
    found = attribute_record(network, signal, background, CLASSES, settings, SEED)
    match method:
        case "integrated_gradients":
            return found, integrated_gradients(network, signal, background.mean_mv, CLASSES, 24, 24)
        case "smooth_grad":
            return found, smooth_grad(network, signal, CLASSES, 0.1, 24, 4, 24, SEED, None)
        case _:
            draws = settings.make_draws(30, SEED)
            return found, expected_gradients(network, signal, background, CLASSES, draws, 24)


@pytest.mark.parametrize("method", ["expected_gradients", "integrated_gradients", "smooth_grad"])
def test_attributions_are_those_of_the_network_as_it_is(method: Method) -> None:
    found, expected = as_it_is(method)
    largest = np.abs(expected.values).max()
    assert largest > 1e-5
    assert np.abs(found.values - expected.values).max() < 1e-5 * largest
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    np.testing.assert_allclose(found.monte_carlo_error, expected.monte_carlo_error, rtol=1e-4)
