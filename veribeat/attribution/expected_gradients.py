"""Expected gradients: E[(x - x') df/dx at x' + alpha (x - x')] over background records x' and alpha in [0, 1).

Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors and expected
gradients; what [CF] 4.6 takes from `shap.GradientExplainer`. f is a logit, so attributions are in logits: they add up,
but for the noise of the draws, to the logit of x less the mean logit of the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from veribeat.attribution.draws import Draws
from veribeat.errors import InputError

LARGEST_BATCH = 100
"""Draws per forward pass: the fastest for `cnn_gru_flow`."""


def batch_size(draws: int) -> int:
    """The largest number of draws per forward pass that divides all `draws`."""
    return next(size for size in range(min(draws, LARGEST_BATCH), 0, -1) if draws % size == 0)


@dataclass(frozen=True)
class Attribution:
    """Of one record, for k classes."""

    values: NDArray[np.float32]
    """(k, 1000, 12), in logits."""
    logits: NDArray[np.float64]
    """(k,) of the record."""
    baseline_logits: NDArray[np.float64]
    """(k,) means over the background records that were drawn."""
    monte_carlo_error: NDArray[np.float64]
    """(k,) standard error of the values over the values, each a root mean square over samples and leads."""

    @property
    def completeness_gap(self) -> NDArray[np.float64]:
        """(k,) by how much the sum of the values exceeds the logit less the mean baseline logit."""
        sums = self.values.sum(axis=(1, 2), dtype=np.float64)
        return np.asarray(sums - (self.logits - self.baseline_logits))


@dataclass(frozen=True)
class Background:
    """The records that a record is compared with."""

    signals_mv: NDArray[np.float32]
    """(M, 1000, 12)."""
    logits: NDArray[np.float32]
    """(M, classes)."""


@torch.no_grad()
def make_background(model: nn.Module, signals_mv: NDArray[np.float32], batch: int) -> Background:
    """`signals_mv` (M, 1000, 12) with the logits that `model`, in evaluation mode, gives them, `batch` at a time."""
    parts = [
        model(torch.from_numpy(signals_mv[start : start + batch])).numpy()
        for start in range(0, len(signals_mv), batch)
    ]
    return Background(signals_mv, np.concatenate(parts))


def expected_gradients(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    background: Background,
    classes: Sequence[int],
    draws: Draws,
    batch: int,
) -> Attribution:
    """Attribute the logits `classes` of one record (1000, 12) to its samples and leads.

    All classes share the draws and a forward pass; each has a backward pass of its own, down to the signal, never to
    the weights. The network sees `batch` draws at a time, always as many, so the result depends on nothing but the
    arguments and the number of threads.

    Raises:
        InputError: the draws do not fill all batches.
        ValueError: `model` is in training mode, where the records of a batch would change each other's logits.
    """
    count = len(draws.alphas)
    if count % batch:
        raise InputError(f"{count} draws do not fill batches of {batch}: choose a batch that divides them.")
    if model.training:
        raise ValueError("the model must be in evaluation mode")
    signal = torch.from_numpy(signal_mv)
    replicates = torch.from_numpy(draws.replicates)
    sums = torch.zeros((len(classes), int(draws.replicates[-1]) + 1, *signal.shape), dtype=torch.float64)
    for start in range(0, count, batch):
        rows = slice(start, start + batch)
        baselines = torch.from_numpy(background.signals_mv[draws.backgrounds[rows]])
        alphas = torch.from_numpy(draws.alphas[rows])[:, None, None]
        points = alphas.float() * signal + (1 - alphas).float() * baselines  # to the last bit as shap does it
        points.requires_grad_()
        totals = model(points)[:, list(classes)].sum(dim=0)  # draws do not mix: gradients stay their own
        for place, total in enumerate(totals):
            last = place + 1 == len(classes)
            (gradients,) = torch.autograd.grad(total, points, retain_graph=not last)
            sums[place].index_add_(0, replicates[rows], ((signal - baselines) * gradients).to(torch.float64))
    means = (sums * (sums.shape[1] / count)).numpy()
    values = means.mean(axis=1)
    with torch.no_grad():
        logits = model(signal[None])[0, list(classes)].to(torch.float64).numpy()
    return Attribution(
        values=values.astype(np.float32),
        logits=logits,
        baseline_logits=background.logits[draws.backgrounds][:, list(classes)].mean(axis=0, dtype=np.float64),
        monte_carlo_error=relative_error(means.var(axis=1, ddof=1) / means.shape[1], values),
    )


def relative_error(variances: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root of the mean variance of a class's values over their root mean square: (k, T, L) twice to (k,).

    0 for a class whose logit nothing changes: its values are 0, all draws agree on that.
    """
    variance, size = variances.mean(axis=(1, 2)), np.square(values).mean(axis=(1, 2))
    ratio: NDArray[np.float64] = np.divide(variance, size, out=np.zeros_like(size), where=size > 0)
    return np.sqrt(ratio)
