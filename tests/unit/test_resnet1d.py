"""The residual network: trained on crops, applied to whole records."""

import pytest
import torch

from models.backbones.resnet1d import CROP, STRIDE, ResidualBlock, ResNet1d


@pytest.fixture(scope="module")
def network() -> ResNet1d:
    torch.manual_seed(0)
    network = ResNet1d()
    network.normalise.set_statistics(0.01, 0.2)
    network.train()(torch.randn(16, CROP, 12) * 0.2)  # fills the statistics of its batch normalisation
    return network.eval()


def test_its_layers_are_those_of_the_benchmark_but_for_a_hidden_one_in_the_head() -> None:
    parameters = sum(parameter.numel() for parameter in ResNet1d().parameters())
    stem = 12 * 128 * 7 + 2 * 128
    block = 128 * 128 * (5 + 3) + 2 * 2 * 128
    shortcut = 128 * 128 + 2 * 128
    head = 2 * 256 + 256 * 5 + 5
    assert parameters == stem + 3 * block + 2 * shortcut + head


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_adds_its_shortcut(stride: int) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(8, 8, stride).eval()
    features = torch.randn(2, 8, 20)
    expected = torch.relu(block.convolutions(features) + block.shortcut(features))
    assert torch.equal(block(features), expected)
    assert expected.shape == (2, 8, 20 // stride)
    assert isinstance(block.shortcut, torch.nn.Identity) == (stride == 1)


def test_a_record_has_the_mean_probability_of_its_crops(network: ResNet1d) -> None:
    records = torch.randn(3, 1000, 12) * 0.2
    starts = range(0, 1000 - CROP + 1, STRIDE)
    assert len(starts) == 7
    crops = torch.stack([torch.sigmoid(network(records[:, start : start + CROP])) for start in starts])
    torch.testing.assert_close(torch.sigmoid(network(records)), crops.mean(dim=0), atol=1e-6, rtol=1e-5)


def test_certain_records_keep_a_finite_logit_and_gradient(network: ResNet1d) -> None:
    records = (torch.randn(2, 1000, 12) * 1000).requires_grad_()
    logits = network(records)
    logits.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.abs().max() > 30  # a probability of 1 in float32
    assert torch.isfinite(logits).all()
    assert records.grad is not None
    assert torch.isfinite(records.grad).all()


def test_the_same_record_gets_the_same_answer_in_any_batch(network: ResNet1d) -> None:
    records = torch.randn(5, 1000, 12) * 0.2
    torch.testing.assert_close(network(records)[2:3], network(records[2:3]), atol=1e-5, rtol=1e-5)
