"""A residual 1-D CNN after Wang et al. 2017, in the spirit of `resnet1d_wang` of the PTB-XL benchmark.

Its body, its crops of 2.5 s and its normalisation are those of Strodthoff et al. 2021 (Deep Learning for ECG Analysis:
Benchmarks and Insights from PTB-XL). Ours are the head (one linear layer instead of two), the initialisation
(PyTorch's), the mean probability over crops instead of the maximum, and the recipe, which the presets hold.
"""

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.backbones.base import Backbone
from veribeat.conventions import LEADS, SAMPLING_RATE, SUPERCLASSES

CHANNELS = 128
CROP = 5 * SAMPLING_RATE // 2
"""Samples of one crop: 2.5 s."""
STRIDE = CROP // 2
"""Samples between the starts of two crops in evaluation."""
DROPOUT = 0.5
STRIDES = (1, 2, 2)
"""Of the residual blocks."""


class ResidualBlock(nn.Module):
    """Two convolutions of width 5 and 3 beside a shortcut: (B, C, T) to (B, C', T / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(inputs, outputs, kernel_size=5, stride=stride, padding=2, bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(),
            nn.Conv1d(outputs, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm1d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv1d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm1d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, T) to features (B, C', T / stride), not negative."""
        return torch.relu(self.convolutions(x) + self.shortcut(x))


class ResNet1d(Backbone):
    """Signals in mV (B, T, 12) to logits (B, 5).

    Training takes T as it comes: crops. Evaluation cuts a record into crops of 2.5 s that overlap by half, and returns
    the logit of their mean probability, so that everything downstream sees a whole record as one input.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(len(LEADS), CHANNELS, kernel_size=7, padding=3, bias=False),
            nn.BatchNorm1d(CHANNELS),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(CHANNELS, CHANNELS, stride) for stride in STRIDES))
        self.head = nn.Sequential(
            nn.BatchNorm1d(2 * CHANNELS), nn.Dropout(DROPOUT), nn.Linear(2 * CHANNELS, len(SUPERCLASSES))
        )

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV (B, T, 12) to logits (B, 5); in evaluation T is at least 250."""
        normalised = self.normalise(signals).transpose(1, 2)
        if self.training:
            return self._crop_logits(normalised)
        # One start after the other: all crops of a batch at once would be slower, for want of cache.
        starts = range(0, normalised.shape[2] - CROP + 1, STRIDE)
        logits = [self._crop_logits(normalised[:, :, start : start + CROP]) for start in starts]
        return _logit_of_mean(torch.stack(logits, dim=1))

    def _crop_logits(self, crops: Tensor) -> Tensor:
        """Normalised crops (B, 12, T) to logits (B, 5)."""
        return self.classify(self.blocks(self.stem(crops)))

    @override
    def features(self, signals: Tensor, layer: int = -1) -> Tensor:
        """Of a crop, after block 0, (B, 128, T), block 1, (B, 128, T / 2), or block 2, (B, 128, T / 4)."""
        crops = self.normalise(signals).transpose(1, 2)
        features: Tensor = self.blocks[: _count(layer)](self.stem(crops))
        return features

    @override
    def classify(self, features: Tensor, layer: int = -1) -> Tensor:
        """The rest of the blocks, then the head on the maximum and the mean over time."""
        features = self.blocks[_count(layer) :](features)
        logits: Tensor = self.head(torch.cat((features.amax(dim=2), features.mean(dim=2)), dim=1))
        return logits


def _count(layer: int) -> int:
    """Blocks up to this layer."""
    return range(1, len(STRIDES) + 1)[layer]


def _logit_of_mean(logits: Tensor) -> Tensor:
    """Logits (B, crops, 5) to the logit of the mean probability (B, 5), without rounding probabilities to 0 or 1."""
    log_present = torch.logsumexp(nn.functional.logsigmoid(logits), dim=1)
    log_absent = torch.logsumexp(nn.functional.logsigmoid(-logits), dim=1)
    return log_present - log_absent
