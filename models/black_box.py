"""A loaded classifier as a `veribeat.black_box.BlackBox`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.inference import BATCH
from veribeat.black_box import BlackBox
from veribeat.conventions import SUPERCLASSES


def black_box(backbone: nn.Module, thresholds: NDArray[np.float64]) -> BlackBox:
    """`backbone` in evaluation mode with its `thresholds` (5,); signals in mV are passed on in batches of `BATCH`."""

    @torch.inference_mode()
    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.empty((len(signals_mv), len(SUPERCLASSES)), dtype=np.float32)
        for start in range(0, len(signals_mv), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(signals_mv[start : start + BATCH]))
            found[start : start + len(batch)] = torch.sigmoid(backbone(batch)).numpy()
        return found

    return BlackBox(probabilities, thresholds)
