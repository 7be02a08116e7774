"""What every backbone shares: normalisation that travels with the weights."""

import torch
from torch import Tensor, nn

EPSILON = 1e-7
"""Added to the standard deviation, in mV ([CF] 4.2)."""


class Normalise(nn.Module):
    """x -> (x - mean) / (std + 1e-7), with the training folds' mean and std in mV as buffers ([CF] 4.2)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def set_statistics(self, mean_mv: float, std_mv: float) -> None:
        """Set mean and standard deviation, both in mV."""
        self.mean.fill_(mean_mv)
        self.std.fill_(std_mv)

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV, any shape, to normalised signals of the same shape."""
        return (signals - self.mean) / (self.std + EPSILON)


class Backbone(nn.Module):
    """A network from signals in mV (B, 1000, 12) to logits (B, 5), which normalises its input itself.

    On one stretch of signal it is `classify(features(signals))`, so that a class activation map can be made of the
    features of a convolution layer without a second forward pass. `layer` counts the layers at which a backbone can be
    cut, -1 the last one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise()

    def features(self, signals: Tensor, layer: int = -1) -> Tensor:
        """Signals in mV (B, T, 12) to what convolution layer `layer` makes of them, (B, K, T')."""
        raise NotImplementedError

    def classify(self, features: Tensor, layer: int = -1) -> Tensor:
        """Features of `layer`, (B, K, T'), to logits (B, 5)."""
        raise NotImplementedError
