"""SmoothGrad times the signal: x times the mean of df/dx over noisy copies of the record x.

Smilkov et al. 2017, SmoothGrad: removing noise by adding noise. The gradient alone is in logits per mV; times the
signal (as in their section 4) it is in logits, as other attributions are, and says what the record's deflections from
0 mV contribute to first order. Such values do not add up to a difference of logits.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from veribeat.attribution.base import (
    Attribution,
    check_evaluating,
    class_gradients,
    class_logits,
)
from veribeat.attribution.replicates import average
from veribeat.errors import InputError


def smooth_grad(
    model: nn.Module,
    signal_mv: NDArray[np.float32],
    classes: Sequence[int],
    noise: float,
    count: int,
    replicates: int,
    batch: int,
    seed: Sequence[int],
    target_error: float | None = None,
) -> Attribution:
    """Attribute the logits `classes` of one record (1000, 12) to its samples and leads.

    Args:
        model: from signals in mV (B, 1000, 12) to logits (B, classes), in evaluation mode.
        signal_mv: the record.
        classes: the k logits, which share the copies.
        noise: standard deviation of the Gaussian noise, as a share of the record's range (largest less smallest value
            over all leads); 0.1 to 0.2 in the paper.
        count: number of copies.
        replicates: equal parts of the copies, at least 2; their spread gives the Monte-Carlo error.
        batch: copies per forward pass; the result depends on it in the last digits only.
        seed: of one record, such as (seed, ecg_id).
        target_error: relative Monte-Carlo error at which no replicate is added; see `replicates.average`.

    Returns:
        Attributions without a baseline: its logits are NaN.

    Raises:
        InputError: the copies cannot be shared equally, do not fill all batches, a noise that is not positive, or what
            `replicates.average` says of a `target_error`.
        ValueError: `model` is in training mode.
    """
    if replicates < 2 or count < 1 or count % replicates:
        raise InputError(
            f"{count} noisy copies cannot be {replicates} replicates of equal size: "
            "choose at least 2 replicates, and a number of copies that they divide."
        )
    if not noise > 0:
        raise InputError(
            f"The noise of SmoothGrad is {noise:g} of the record's range: choose a share above 0."
        )
    check_evaluating(model)
    signal = torch.from_numpy(signal_mv)
    spread = np.float32(noise * np.ptp(signal_mv))
    generator = np.random.default_rng(seed)

    def contributions(rows: slice) -> Iterator[Tensor]:
        # drawn in order, so that copies do not depend on how many are asked for at a time
        drawn = generator.standard_normal((rows.stop - rows.start, *signal.shape), dtype=np.float32)
        for gradients in class_gradients(model, signal + torch.from_numpy(spread * drawn), classes):
            yield signal * gradients

    numbers = np.repeat(np.arange(replicates), count // replicates)
    found = average(contributions, (len(classes), *signal.shape), numbers, batch, target_error)
    return Attribution(
        values=found.values.astype(np.float32),
        logits=class_logits(model, signal_mv, classes),
        baseline_logits=np.full(len(classes), np.nan),
        monte_carlo_error=found.monte_carlo_error,
        draws=found.draws,
    )
