"""Expected gradients: E[(x - x') df/dx at x' + alpha (x - x')] over background records x' and alpha in [0, 1).

Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors and expected
gradients; what [CF] 4.6 takes from `shap.GradientExplainer`. f is a logit, so attributions are in logits: they add up,
but for the noise of the draws, to the logit of x less the mean logit of the background.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from veribeat.attribution.base import (
    Attribution,
    Background,
    check_evaluating,
    class_gradients,
    class_logits,
)
from veribeat.attribution.draws import Draws
from veribeat.attribution.replicates import average


def expected_gradients(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    background: Background,
    classes: Sequence[int],
    draws: Draws,
    batch: int,
    target_error: float | None = None,
) -> Attribution:
    """Attribute the logits `classes` of one record (1000, 12) to its samples and leads.

    All classes share the draws and a forward pass. The network sees `batch` draws at a time, always as many, so the
    result depends on nothing but the arguments and the number of threads. With a `target_error` whole replicates of the
    draws are left out once it is met; see `replicates.average`.

    Raises:
        InputError: the draws do not fill all batches, or what `replicates.average` says of a `target_error`.
        ValueError: `model` is in training mode, where the records of a batch would change each other's logits.
    """
    check_evaluating(model)
    signal = torch.from_numpy(signal_mv)

    def contributions(rows: slice) -> Iterator[Tensor]:
        baselines = torch.from_numpy(background.signals_mv[draws.backgrounds[rows]])
        alphas = torch.from_numpy(draws.alphas[rows])[:, None, None]
        points = alphas.float() * signal + (1 - alphas).float() * baselines  # to the last bit as shap does it
        for gradients in class_gradients(model, points, classes):
            yield (signal - baselines) * gradients

    shape = (len(classes), *signal.shape)
    found = average(contributions, shape, draws.replicates, batch, target_error)
    drawn = background.logits[draws.backgrounds[: found.draws]]
    return Attribution(
        values=found.values.astype(np.float32),
        logits=class_logits(model, signal_mv, classes),
        baseline_logits=drawn[:, list(classes)].mean(axis=0, dtype=np.float64),
        monte_carlo_error=found.monte_carlo_error,
        draws=found.draws,
    )
