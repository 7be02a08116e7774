"""Weights from a file, and probabilities for stored signals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.base import Backbone
from models.backbones.registry import build_backbone
from veribeat.conventions import SUPERCLASSES, UNITS_PER_MV
from veribeat.errors import InputError


def to_millivolts(stored: NDArray[np.int16]) -> Tensor:
    """Stored signals (..., 12) in int16 units to float32 mV of the same shape."""
    return torch.from_numpy(np.ascontiguousarray(stored)).to(torch.float32) / UNITS_PER_MV


def load_backbone(name: str, weights: Path) -> Backbone:
    """The backbone `name` with the state dict in `weights`, in evaluation mode.

    Raises InputError when the file is missing, is not a state dict, or does not fit the backbone.
    """
    model = build_backbone(name)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise InputError(f"No weights at {weights}: train the model first.") from error
    except Exception as error:  # torch raises many kinds here; each means the same to the user
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{weights} holds no weights of backbone '{name}': {reason}") from error
    return model.eval()


BATCH = 128
"""Records per forward pass; the activations of `resnet1d` take about 1 MB per record and layer."""


def predict_probabilities(
    model: nn.Module, signals: NDArray[np.int16], rows: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Probabilities (len(rows), 5), columns in the order of SUPERCLASSES, for `rows` of `signals` (N, 1000, 12).

    `signals` holds int16 units and may be a memory map; only one batch of it is in memory at a time.
    """
    return in_batches(model, len(rows), lambda part: to_millivolts(signals[rows[part]]))


def signal_probabilities(model: nn.Module, signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (N, 5), columns in the order of SUPERCLASSES, for signals in mV (N, 1000, 12)."""
    return in_batches(
        model, len(signals_mv), lambda part: torch.from_numpy(np.ascontiguousarray(signals_mv[part]))
    )


@torch.inference_mode()
def in_batches(model: nn.Module, records: int, signals_mv: Callable[[slice], Tensor]) -> NDArray[np.float32]:
    """Probabilities (records, 5), columns in the order of SUPERCLASSES.

    `signals_mv` gives the signals of a part of the records, (up to `BATCH`, 1000, 12); each part is asked for once.
    """
    probabilities = np.empty((records, len(SUPERCLASSES)), dtype=np.float32)
    for start in range(0, records, BATCH):
        part = slice(start, min(start + BATCH, records))
        probabilities[part] = torch.sigmoid(model(signals_mv(part))).numpy()
    return probabilities
