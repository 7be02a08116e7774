"""The multiply-adds of a network's gradient at the speed of a matrix product: what no attributions by as many beat."""

import torch
from torch import Tensor, nn

SIZE = 1024
"""Rows and columns of the matrices."""


def gradient_multiply_adds(network: nn.Module, signal: Tensor) -> int:
    """Of a gradient by the signal (1000, 12): forward, and as many backward, where none is by the weights.

    Counted are convolutions, linear layers and GRUs.
    """
    count = 0

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal count
        if isinstance(layer, nn.GRU):
            steps = inputs[0].shape[1]
            count += steps * sum(weights.numel() for weights in layer.parameters() if weights.dim() == 2)
        elif isinstance(layer, nn.Conv1d):
            count += output.numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            count += output.numel() * layer.in_features

    hooks = [layer.register_forward_hook(add) for layer in network.modules()]
    try:
        with torch.inference_mode():
            network(signal[None])
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * count


class Product:
    """A large matrix product in float32, by PyTorch with the threads that it has."""

    multiply_adds = SIZE**3

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.left, self.right = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))

    def __call__(self) -> Tensor:
        """Multiply once."""
        return torch.mm(self.left, self.right)
