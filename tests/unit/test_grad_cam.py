"""Grad-CAM as an attribution, against Captum."""

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from models.backbones.registry import build_backbone
from models.grad_cam import grad_cam
from veribeat.errors import InputError

CLASSES = [0, 4, 2]


def case(name="cnn_gru_flow"):
    torch.manual_seed(3)
    model = build_backbone(name).eval()
    return model, np.random.default_rng(1).normal(0, 1, (1000, 12)).astype(np.float32)


def test_values_are_captums_between_the_features_and_the_same_for_all_leads():
    model, signal = case()
    found = grad_cam(model, signal, CLASSES)
    assert found.values.shape == (3, 1000, 12)
    assert found.values.dtype == np.float32
    assert (found.values == found.values[:, :, :1]).all()
    captum = LayerGradCam(model, model.convolutions[-1])
    for values, index in zip(found.values, CLASSES, strict=True):
        theirs = captum.attribute(torch.from_numpy(signal)[None], target=index, relu_attributions=True)
        theirs = LayerAttribution.interpolate(theirs.detach(), 1000, "linear")
        np.testing.assert_allclose(values[:, 0], theirs[0, 0].numpy(), atol=1e-6, rtol=1e-5)
        assert values.max() > 0


def test_a_feature_is_in_the_middle_of_its_samples():
    """Feature t is between samples 4 t + 1 and 4 t + 2: the peak of a map is at one of them."""
    model, signal = case()
    features = model.features(torch.from_numpy(signal)[None])
    assert features.shape == (1, 32, 250)
    values = grad_cam(model, signal, CLASSES).values[:, :, 0]
    assert set((values.argmax(axis=1) % 4).tolist()) <= {1, 2}


def test_what_has_no_meaning_is_not_a_number():
    model, signal = case()
    found = grad_cam(model, signal, CLASSES)
    with torch.no_grad():
        assert found.logits == pytest.approx(model(torch.from_numpy(signal)[None])[0, CLASSES].numpy())
    for undefined in (found.baseline_logits, found.monte_carlo_error, found.completeness_gap):
        assert undefined.shape == (3,)
        assert np.isnan(undefined).all()
    assert found.draws == 1


def test_classes_do_not_change_each_other_and_the_model_is_left_as_it_was():
    model, signal = case()
    together, alone = grad_cam(model, signal, CLASSES), grad_cam(model, signal, CLASSES[1:2])
    assert np.array_equal(together.values[1], alone.values[0])
    assert grad_cam(model, signal, []).values.shape == (0, 1000, 12)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_backbone_that_sees_crops_is_refused():
    model, signal = case("resnet1d")
    with pytest.raises(InputError, match="Grad-CAM cannot explain ResNet1d, whose logits are not those"):
        grad_cam(model, signal, CLASSES)


def test_a_model_without_convolution_features_is_refused():
    _, signal = case()
    model = nn.Sequential(nn.Flatten(), nn.Linear(12000, 5)).eval()
    with pytest.raises(InputError, match="Grad-CAM cannot explain Sequential: it needs a backbone"):
        grad_cam(model, signal, CLASSES)


def test_a_model_in_training_is_refused():
    model, signal = case()
    with pytest.raises(ValueError, match="evaluation mode"):
        grad_cam(model.train(), signal, CLASSES)
