"""Compiled parts say what PyTorch's say, and no batch changes a record."""

import numpy as np
import pytest
import torch
from torch import nn

from models.backbones.registry import build_backbone
from models.black_box import black_box
from models.compiled.convolution import CompiledBlock
from models.compiled.gru import CompiledGru
from models.compiled.network import with_compiled_parts
from models.compiled.pool_kernel import pooled, pooled_gradients, remembered_pooled
from veribeat.counterfactual.targets import label_set


def gru() -> nn.GRU:
    torch.manual_seed(3)
    return nn.GRU(32, 64, batch_first=True)


def inputs(count: int, steps: int = 250) -> torch.Tensor:
    return torch.randn(count, steps, 32, generator=torch.Generator().manual_seed(count)) * 2


def block() -> nn.Sequential:
    """With statistics, weights and biases as after a training."""
    torch.manual_seed(4)
    normalisation = nn.BatchNorm1d(16)
    made = nn.Sequential(nn.Conv1d(12, 16, 5, padding=2), normalisation, nn.ReLU(), nn.MaxPool1d(2))
    for values in (normalisation.weight.data, normalisation.running_var):
        nn.init.uniform_(values, 0.5, 2)
    for values in (normalisation.bias.data, normalisation.running_mean):
        nn.init.normal_(values)
    return made.eval()


@pytest.mark.parametrize("count", [1, 2, 4, 7])
@pytest.mark.parametrize(("scale", "within"), [(1.0, 1e-6), (200.0, 2e-5)])  # with 200 gates are open or shut
def test_the_last_state_is_that_of_torch(count: int, scale: float, within: float) -> None:
    with torch.inference_mode():
        exact = gru().double()(scale * inputs(count).double())[1]
        found = CompiledGru(gru())(scale * inputs(count))[1]
    assert found.shape == exact.shape == (1, count, 64)
    assert (found - exact).abs().max() < within


@pytest.mark.parametrize("samples", [1000, 501, 2])
def test_a_block_and_its_gradient_are_those_of_torch(samples: int) -> None:
    signals = torch.randn(3, 12, samples, generator=torch.Generator().manual_seed(samples)) * 2
    found = []
    for made in (block(), CompiledBlock(block())):
        x = signals.clone().requires_grad_()
        values = made(x)
        (gradient,) = torch.autograd.grad(
            (values * torch.arange(values.numel()).view_as(values).cos()).sum(), x
        )
        with torch.inference_mode():
            assert torch.equal(made(signals), values)
        found.append((values.detach(), gradient))
    for expected, compiled in zip(*found, strict=True):
        assert compiled.shape == expected.shape
        assert expected.abs().max() > 0.1
        assert (compiled - expected).abs().max() < 1e-5 * expected.abs().max()


def test_of_equal_neighbours_the_first_has_the_gradient() -> None:
    """As in PyTorch, and none where the larger is 0."""
    values = np.array([[[2, 2, 0, 0, -1, -2, 3, 4]]], np.float32)
    found, chosen = remembered_pooled(values)
    assert found.tolist() == [[[2, 0, 0, 4]]] == pooled(values).tolist()
    of_found = np.array([[[1, 2, 3, 4]]], np.float32)
    assert pooled_gradients(of_found, chosen, 8).tolist() == [[[1, 0, 0, 0, 0, 0, 0, 4]]]


@pytest.mark.parametrize("count", [1, 4, 6])
def test_gradients_are_those_of_torch(count: int) -> None:
    found = []
    for layer in (gru(), CompiledGru(gru())):
        x = inputs(count).requires_grad_()
        (gradient,) = torch.autograd.grad((layer(x)[1][0] * torch.linspace(-1, 1, 64)).sum(), x)
        found.append(gradient)
    assert found[0].abs().max() > 0.1
    assert (found[0] - found[1]).abs().max() < 1e-6 * found[0].abs().max()


def test_with_a_gradient_states_are_the_same() -> None:
    layer = CompiledGru(gru())
    with torch.inference_mode():
        without = layer(inputs(5))[1]
    assert torch.equal(layer(inputs(5).requires_grad_())[1], without)


def test_no_record_depends_on_its_batch() -> None:
    layer, x = CompiledGru(gru()), inputs(7)
    with torch.inference_mode():
        alone = torch.cat([layer(x[row : row + 1])[1] for row in range(7)], dim=1)
        assert torch.equal(layer(x)[1], alone)


def test_a_network_is_copied_and_not_changed() -> None:
    network = build_backbone("cnn_gru_flow").eval()
    faster = with_compiled_parts(network)
    assert isinstance(network.gru, nn.GRU)
    assert isinstance(faster.gru, CompiledGru)
    assert faster.flow is network.flow
    assert all(isinstance(each, CompiledBlock) for each in faster.convolutions)
    assert not any(isinstance(each, CompiledBlock) for each in network.convolutions)
    for same in (build_backbone("resnet1d").eval(), build_backbone("cnn_gru_flow").train(), nn.Identity()):
        assert with_compiled_parts(same) is same


@pytest.mark.parametrize(
    "other",
    [
        nn.GRU(8, 32, batch_first=True),
        nn.GRU(8, 64),
        nn.GRU(8, 64, num_layers=2, batch_first=True),
        nn.GRU(12, 64, batch_first=True),
        nn.Sequential(*block()[:3]),
        nn.Sequential(*block()[:3], nn.MaxPool1d(3)),
        nn.Sequential(*block()[:3], nn.MaxPool1d(2, ceil_mode=True)),
        nn.Sequential(*block()[:2], nn.Tanh(), nn.MaxPool1d(2)),
    ],
    ids=str,
)
def test_other_parts_stay(other: nn.Module) -> None:
    network = nn.Sequential(other).eval()
    assert with_compiled_parts(network) is network


def test_a_black_box_says_what_its_network_says() -> None:
    torch.manual_seed(5)
    network = build_backbone("cnn_gru_flow").eval()
    signals = np.random.default_rng(1).normal(0, 0.3, (6, 1000, 12)).astype(np.float32)
    model = black_box(network, np.full(5, 0.5))
    with torch.inference_mode():
        expected = torch.sigmoid(network(torch.from_numpy(signals))).numpy()
    assert np.abs(model.probabilities(signals) - expected).max() < 1e-6

    x, target = torch.from_numpy(signals).requires_grad_(), label_set(["MI"])
    signs = torch.from_numpy(np.where(target, np.float32(1), np.float32(-1)))
    (gradient,) = torch.autograd.grad((network(x) * signs).min(dim=1).values.sum(), x)
    found = model.margin_gradients(signals, target)
    assert np.abs(found - gradient.numpy()).max() < 1e-6 * gradient.abs().max()
