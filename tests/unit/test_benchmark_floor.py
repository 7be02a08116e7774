"""Floors of benchmarks do, or count, the work that they claim."""

import numpy as np
import pytest
import torch

from benchmarks.dtw_floor import by_differences, by_products
from benchmarks.gradient_floor import gradient_multiply_adds
from models.backbones.registry import build_backbone


@pytest.mark.parametrize("floor", [by_differences, by_products])
def test_the_floor_computes_every_distance(floor):
    random = np.random.default_rng(0)
    one = random.normal(size=(2, 8, 12)).astype(np.float32)
    many = random.normal(size=(32, 20, 12)).astype(np.float32)
    apart = one[:, None, :, None, :] - many[None, :, None, :, :]
    expected = np.sqrt(np.square(apart, dtype=np.float64).sum(axis=-1)).sum(axis=(2, 3))
    for threads in (1, 2):
        assert floor(one, many)(one, many, threads) == pytest.approx(expected, rel=1e-4)


def test_the_multiply_adds_of_a_gradient_are_counted() -> None:
    convolutions = 1000 * 16 * 12 * 5 + 500 * 32 * 16 * 5
    gru = 250 * 192 * (32 + 64)
    flow, head = 4 * (32 * 64 + 64 * 32), 64 * 32 + 32 * 5
    network = build_backbone("cnn_gru_flow").eval()
    assert gradient_multiply_adds(network, torch.zeros(1000, 12)) == 2 * (convolutions + gru + flow + head)
    assert not any(layer._forward_hooks for layer in network.modules())
