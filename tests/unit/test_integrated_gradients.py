"""Integrated gradients against the axiom of completeness and against Captum."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from models.backbones.registry import NAMES, build_backbone
from veribeat.attribution.base import Background
from veribeat.attribution.integrated_gradients import integrated_gradients
from veribeat.errors import InputError

CLASSES = [3, 0]


def case(name):
    torch.manual_seed(0)
    model = build_backbone(name)
    model.normalise.set_statistics(0.0, 0.3)
    signals = np.random.default_rng(1).normal(0, 0.3, (8, 1000, 12)).astype(np.float32)
    background = Background(signals[1:], np.full((7, 5), np.nan, np.float32))
    return model.eval(), signals[0], background.mean_mv


@pytest.mark.parametrize("name", NAMES)
def test_values_add_up_to_the_difference_of_the_logits(name):
    model, signal, baseline = case(name)
    found = integrated_gradients(model, signal, baseline, CLASSES, 200 if name == "cnn_gru_flow" else 50, 50)
    with torch.no_grad():
        logits, baseline_logits = model(torch.from_numpy(np.stack((signal, baseline))))[:, CLASSES].numpy()
    assert found.logits == pytest.approx(logits, abs=1e-6)
    assert found.baseline_logits == pytest.approx(baseline_logits, abs=1e-6)
    assert found.values.sum(axis=(1, 2), dtype=np.float64) == pytest.approx(
        logits - baseline_logits, abs=1e-3
    )
    assert (np.abs(found.completeness_gap) < 0.03 * np.abs(found.logits - found.baseline_logits)).all()


@pytest.mark.parametrize("name", NAMES)
def test_values_are_captums(name):
    model, signal, baseline = case(name)
    found = integrated_gradients(model, signal, baseline, CLASSES, 12, 6)
    inputs = [torch.from_numpy(array)[None] for array in (signal, baseline)]
    for values, index in zip(found.values, CLASSES, strict=True):
        theirs = IntegratedGradients(model).attribute(
            *inputs, target=index, n_steps=12, method="riemann_middle", internal_batch_size=6
        )
        size = float(np.sqrt((values**2).mean()))
        np.testing.assert_allclose(values, theirs[0].numpy(), rtol=1e-4, atol=1e-5 * size)


def test_nothing_is_random_and_no_monte_carlo_error_is_claimed():
    model, signal, baseline = case("cnn_gru_flow")
    first, second = (integrated_gradients(model, signal, baseline, CLASSES, 12, 6) for _ in range(2))
    assert np.array_equal(first.values, second.values)
    assert first.values.dtype == np.float32
    assert first.draws == 12
    assert np.isnan(first.monte_carlo_error).all()
    assert first.monte_carlo_error.shape == (2,)


def test_classes_do_not_change_each_other_and_none_gives_none():
    model, signal, baseline = case("cnn_gru_flow")
    together = integrated_gradients(model, signal, baseline, CLASSES, 12, 6)
    alone = integrated_gradients(model, signal, baseline, CLASSES[1:], 12, 6)
    assert np.array_equal(together.values[1], alone.values[0])
    assert integrated_gradients(model, signal, baseline, [], 12, 6).values.shape == (0, 1000, 12)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_does_not_fit_is_refused():
    model, signal, baseline = case("cnn_gru_flow")
    with pytest.raises(InputError, match="12 steps do not fill batches of 5"):
        integrated_gradients(model, signal, baseline, CLASSES, 12, 5)
    with pytest.raises(ValueError, match="evaluation mode"):
        integrated_gradients(model.train(), signal, baseline, CLASSES, 12, 6)
