"""Class activation maps, against Captum and against their formulas."""

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from models.backbones.base import Backbone
from models.backbones.registry import NAMES, build_backbone
from models.selection.cam import activation_map, feature_gradients, target_logit
from models.selection.cost import share_above

SAMPLES = 260


def _layers(backbone: Backbone, name: str) -> list[nn.Module]:
    return list(backbone.convolutions if name == "cnn_gru_flow" else backbone.blocks)  # type: ignore[arg-type]


def _inputs(name: str) -> tuple[Backbone, torch.Tensor]:
    torch.manual_seed(3)
    backbone = build_backbone(name).eval()
    return backbone, torch.randn(4, 250 if name == "resnet1d" else SAMPLES, 12)


@pytest.mark.parametrize("name", NAMES)
def test_grad_cam_is_captums(name: str) -> None:
    backbone, signals = _inputs(name)
    classes = torch.tensor([0, 4, 2, 1])
    for layer, module in enumerate(_layers(backbone, name)):
        features = backbone.features(signals, layer)
        gradients = feature_gradients(backbone, features, classes, layer)
        ours = activation_map(features, gradients, "grad_cam")
        theirs = LayerGradCam(backbone, module).attribute(signals, classes, relu_attributions=True)
        torch.testing.assert_close(ours, theirs[:, 0].detach(), atol=1e-6, rtol=1e-6)
        assert ours.max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_backbone_is_its_two_parts_at_every_layer(name: str) -> None:
    backbone, signals = _inputs(name)
    whole = backbone(signals)
    layers = range(len(_layers(backbone, name)))
    for layer in (*layers, -1):
        parts = backbone.classify(backbone.features(signals, layer), layer)
        torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-5)
    with pytest.raises(IndexError):
        backbone.features(signals, len(layers))


def test_maps_follow_their_formulas() -> None:
    features = torch.tensor([[[1.0, 2.0, 0.0], [3.0, -1.0, 1.0]]])
    gradients = torch.tensor([[[0.5, -1.0, 2.0], [1.0, 1.0, 1.0]]])
    hires = activation_map(features, gradients, "hires_cam")
    torch.testing.assert_close(hires, torch.tensor([[0.5 + 3, 0.0, 1.0]]))  # the second bin is -2 - 1
    grad = activation_map(features, gradients, "grad_cam")
    torch.testing.assert_close(grad, torch.tensor([[0.5 + 3, 1.0 - 1, 1.0]]))


def test_hires_cam_sums_to_the_logit_of_a_linear_head() -> None:
    """The property that Grad-CAM lacks: with a linear head, the map before ReLU adds up to the logit."""

    class Linear(Backbone):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(6, 5, bias=False)

        def classify(self, features: torch.Tensor, layer: int = -1) -> torch.Tensor:
            logits: torch.Tensor = self.head(features.flatten(1))
            return logits

    torch.manual_seed(0)
    backbone, features = Linear(), torch.rand(3, 2, 3)
    backbone.head.weight.data.abs_()  # so that ReLU takes nothing away
    classes = torch.tensor([1, 0, 4])
    total = activation_map(features, feature_gradients(backbone, features, classes), "hires_cam").sum(dim=1)
    torch.testing.assert_close(total, backbone.classify(features).gather(1, classes[:, None])[:, 0].detach())


def test_the_target_is_the_least_confident_positive_label() -> None:
    logits = torch.tensor([[3.0, -2.0, 0.5, -4.0, 1.0], [0.0, 1.0, 2.0, 3.0, -9.0]])
    targets = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    assert target_logit(logits, targets).tolist() == [1, 0]


def test_the_share_above_counts_multiplications() -> None:
    convolutions = 12 * 16 * 5 * 600 + 16 * 32 * 5 * 300
    gru = 150 * 3 * 64 * (32 + 64)
    rest = 2 * 2 * (32 * 64 + 64 * 32) + 64 * 32 + 32 * 5
    expected = (gru + rest) / (convolutions + gru + rest)
    backbone = build_backbone("cnn_gru_flow").train()
    assert share_above(backbone, -1, 600) == pytest.approx(expected)
    assert backbone.training
    first = share_above(backbone, 0, 600)
    assert first == pytest.approx((gru + rest + 16 * 32 * 5 * 300) / (convolutions + gru + rest))
    assert share_above(build_backbone("resnet1d"), -1, 250) < 1e-4  # a linear head
