"""Ours against shap's GradientExplainer, on the same draws."""

import numpy as np
import pytest
import torch

from models.backbones.registry import NAMES, build_backbone
from veribeat.attribution.base import make_background
from veribeat.attribution.draws import make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.shap_reference import shap_gradients
from veribeat.errors import InputError


def case(name, count=8):
    torch.manual_seed(0)
    model = build_backbone(name)
    model.normalise.set_statistics(0.0, 0.3)
    rng = np.random.default_rng(1)
    signals = rng.normal(0, 0.3, (13, 1000, 12)).astype(np.float32)
    background = make_background(model.eval(), signals[1:], 8)
    return model, signals[0], background, make_draws(count, 4, 12, "random", (1, 17))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draws_give_the_same_attributions(name):
    model, signal, background, draws = case(name)
    ours = expected_gradients(model, signal, background, [3, 0], draws, 4)
    shaps = shap_gradients(model, signal, background, [3, 0], draws, 4)
    assert shaps.values.shape == (2, 1000, 12)
    assert shaps.values.dtype == np.float32
    size = np.sqrt((ours.values**2).mean())
    np.testing.assert_allclose(shaps.values, ours.values, rtol=1e-4, atol=1e-5 * size)
    np.testing.assert_allclose(shaps.logits, ours.logits, atol=1e-6)
    np.testing.assert_allclose(shaps.baseline_logits, ours.baseline_logits, atol=1e-6)


def test_the_error_is_that_of_the_mean_of_the_draws():
    model, signal, background, draws = case("cnn_gru_flow")
    found = shap_gradients(model, signal, background, [2], draws, 8).monte_carlo_error
    one_draw_each = np.arange(len(draws.alphas))
    as_replicates = type(draws)(draws.backgrounds, draws.alphas, one_draw_each, draws.shap_seed)
    expected = expected_gradients(model, signal, background, [2], as_replicates, 8).monte_carlo_error
    assert found == pytest.approx(expected, rel=1e-4)


def test_without_classes_there_are_no_values():
    model, signal, background, draws = case("cnn_gru_flow")
    found = shap_gradients(model, signal, background, [], draws, 8)
    assert found.values.shape == (0, 1000, 12)
    assert found.monte_carlo_error.shape == (0,)


@pytest.mark.parametrize("sampling", ["stratified", "antithetic"])
def test_draws_that_shap_cannot_make_are_refused(sampling):
    model, signal, background, _ = case("cnn_gru_flow")
    draws = make_draws(8, 4, 12, sampling, (1, 17))
    with pytest.raises(InputError, match="cannot take stratified or antithetic draws"):
        shap_gradients(model, signal, background, [0], draws, 8)
