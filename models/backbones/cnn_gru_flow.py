"""The network of [CF] 4.3: two convolution blocks, a GRU, a RealNVP flow and an MLP head."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.backbones.base import Backbone
from veribeat.conventions import LEADS, SUPERCLASSES

EMBEDDING = 64
BLOCKS = 2
FLOW_HIDDEN = 64
"""Width of the coupling MLPs; unstated in [CF]."""


class AffineCoupling(nn.Module):
    """RealNVP coupling: one half of the vector scales and translates the other; scale through tanh."""

    def __init__(self, features: int, hidden: int, *, transform_first: bool) -> None:
        super().__init__()
        half = features // 2
        self.transform_first = transform_first
        self.scale = nn.Sequential(nn.Linear(half, hidden), nn.ReLU(), nn.Linear(hidden, half), nn.Tanh())
        self.translate = nn.Sequential(nn.Linear(half, hidden), nn.ReLU(), nn.Linear(hidden, half))

    def forward(self, z: Tensor) -> Tensor:
        """Vectors (B, features) to vectors (B, features)."""
        first, second = z.chunk(2, dim=1)
        kept, moved = (second, first) if self.transform_first else (first, second)
        moved = moved * torch.exp(self.scale(kept)) + self.translate(kept)
        return torch.cat((moved, kept) if self.transform_first else (kept, moved), dim=1)


def _convolution_block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel_size=5, padding=2),
        nn.BatchNorm1d(outputs),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )


class CnnGruFlow(Backbone):
    """Signals in mV (B, 1000, 12) to logits (B, 5) ([CF] 4.3.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(_convolution_block(len(LEADS), 16), _convolution_block(16, 32))
        self.gru = nn.GRU(32, EMBEDDING, batch_first=True)
        self.flow = nn.Sequential(
            AffineCoupling(EMBEDDING, FLOW_HIDDEN, transform_first=False),
            AffineCoupling(EMBEDDING, FLOW_HIDDEN, transform_first=True),
        )
        self.head = nn.Sequential(nn.Linear(EMBEDDING, 32), nn.ReLU(), nn.Linear(32, len(SUPERCLASSES)))

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV (B, T, 12), T a multiple of 4, to logits (B, 5)."""
        return self.classify(self.features(signals))

    @override
    def features(self, signals: Tensor, layer: int = -1) -> Tensor:
        """Layer 0: the first block, (B, 16, T / 2); 1: the second, (B, 32, T / 4), which the GRU reads."""
        features: Tensor = self.convolutions[: _count(layer)](self.normalise(signals).transpose(1, 2))
        return features

    @override
    def classify(self, features: Tensor, layer: int = -1) -> Tensor:
        """The rest of the blocks, the GRU, the flow and the head."""
        features = self.convolutions[_count(layer) :](features)
        _, last_hidden = self.gru(features.transpose(1, 2))
        logits: Tensor = self.head(self.flow(last_hidden[0]))
        return logits


def _count(layer: int) -> int:
    """Blocks up to this layer."""
    return range(1, BLOCKS + 1)[layer]
