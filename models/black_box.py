"""A loaded classifier as a `veribeat.black_box.DifferentiableModel`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.compiled.network import with_compiled_parts
from models.inference import BATCH, signal_probabilities
from veribeat.black_box import DifferentiableModel, logit


def black_box(backbone: nn.Module, thresholds: NDArray[np.float64]) -> DifferentiableModel:
    """`backbone` in evaluation mode with its `thresholds` (5,); signals in mV are passed on in batches of `BATCH`."""
    network = with_compiled_parts(backbone)
    limits = torch.from_numpy(logit(thresholds)).to(torch.float32)

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        return signal_probabilities(network, signals_mv)

    def margin_gradients(signals_mv: NDArray[np.float32], target: NDArray[np.bool_]) -> NDArray[np.float32]:
        signs = torch.from_numpy(np.where(target, np.float32(1), np.float32(-1)))
        found = np.empty_like(signals_mv)
        for start in range(0, len(signals_mv), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(signals_mv[start : start + BATCH])).requires_grad_()
            margins = ((network(batch) - limits) * signs).min(dim=1).values
            # Records do not mix, so that the gradient of the sum is each one's own.
            (gradients,) = torch.autograd.grad(margins.sum(), batch)
            found[start : start + len(batch)] = gradients.numpy()
        return found

    return DifferentiableModel(probabilities, thresholds, margin_gradients)
