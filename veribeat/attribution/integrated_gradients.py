"""Integrated gradients: (x - x') times the mean of df/dx along the straight line from a baseline x' to the record x.

Sundararajan et al. 2017, Axiomatic attribution for deep networks. As f is a logit, attributions are in logits and add
up to the logit of x less that of x', but for the quadrature.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from veribeat.attribution.base import (
    Attribution,
    check_evaluating,
    class_gradients,
    class_logits,
)
from veribeat.errors import InputError


def integrated_gradients(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    baseline_mv: NDArray[np.float32],
    classes: Sequence[int],
    steps: int,
    batch: int,
) -> Attribution:
    """Attribute the logits `classes` of one record (1000, 12) to its samples and leads.

    Nothing is drawn at random: the Monte-Carlo error is NaN, and the completeness gap tells the error of the
    quadrature: with `cnn_gru_flow` trained on PTB-XL, at most 0.02 logits of 1 to 9 for 200 steps, and 0.007 for 1000,
    because kinks of the network (ReLU, max-pooling) make it fall with the number of steps, not with its square.

    Args:
        model: from signals in mV (B, 1000, 12) to logits (B, classes), in evaluation mode.
        signal_mv: the record.
        baseline_mv: (1000, 12), such as `Background.mean_mv`.
        classes: the k logits.
        steps: points of the midpoint rule, at (i + 1/2) / steps of the way.
        batch: points per forward pass.

    Raises:
        InputError: the steps do not fill all batches.
        ValueError: `model` is in training mode.
    """
    if steps % batch:
        raise InputError(f"{steps} steps do not fill batches of {batch}: choose a batch that divides them.")
    check_evaluating(model)
    signal, baseline = torch.from_numpy(signal_mv), torch.from_numpy(baseline_mv)
    sums = torch.zeros((len(classes), *signal.shape), dtype=torch.float64)
    for start in range(0, steps, batch):
        alphas = ((torch.arange(start, start + batch, dtype=torch.float64) + 0.5) / steps)[:, None, None]
        points = baseline + alphas.float() * (signal - baseline)
        for place, gradients in enumerate(class_gradients(model, points, classes)):
            sums[place] += gradients.sum(dim=0, dtype=torch.float64)
    values = (sums / steps * (signal - baseline)).numpy()
    return Attribution(
        values=values.astype(np.float32),
        logits=class_logits(model, signal_mv, classes),
        baseline_logits=class_logits(model, baseline_mv, classes),
        monte_carlo_error=np.full(len(classes), np.nan),
        draws=steps,
    )
