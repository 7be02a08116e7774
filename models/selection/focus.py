"""Focus scores of an activation map: one number per record, 0 (none) to 1; an all-zero map scores 0.

What needs the record's beats is in `beat_focus.py`.
"""

import math

import torch
from torch import Tensor

from veribeat.errors import InputError

TOP_SHARE = 0.1
"""Of the bins of a map ([ERTS], released script)."""
FEWEST_BINS = 20
"""Of which the top tenth are two bins; with fewer, `topk_mean` is the maximum, which is 1 by construction."""


def topk_mean(maps: Tensor) -> Tensor:
    """Mean of the top tenth of the min-max normalised bins, (B,), of maps (B, T') ([ERTS], released script).

    It measures breadth rather than localisation: the more bins are near the maximum, the higher.

    Raises:
        InputError: T' is below 20.
    """
    if maps.shape[1] < FEWEST_BINS:
        raise InputError(
            f"The activation map has {maps.shape[1]} bins, but the focus score topk_mean needs {FEWEST_BINS}: choose an"
            " earlier layer, longer crops or another focus score."
        )
    low, high = maps.amin(dim=1, keepdim=True), maps.amax(dim=1, keepdim=True)
    scaled = torch.where(high > low, (maps - low) / (high - low), 0)
    return _top(scaled).mean(dim=1)


def topk_mass(maps: Tensor) -> Tensor:
    """Share of the mass in the top tenth of the bins, corrected for what a flat map has there, (B,)."""
    bins = maps.shape[1]
    flat = _top_count(bins) / bins
    return torch.where(
        maps.sum(dim=1) > 0, ((_top(_mass(maps)).sum(dim=1) - flat) / (1 - flat)).clip(0, 1), 0
    )


def entropy(maps: Tensor) -> Tensor:
    """One minus the entropy of the mass over that of a flat map, (B,)."""
    mass = _mass(maps)
    spread = -torch.special.xlogy(mass, mass).sum(dim=1) / math.log(maps.shape[1])
    return torch.where(maps.sum(dim=1) > 0, (1 - spread).clip(0, 1), 0)


def gini(maps: Tensor) -> Tensor:
    """Gini coefficient of the bins over its largest possible value, (B,)."""
    bins = maps.shape[1]
    ranks = torch.arange(1, bins + 1, dtype=maps.dtype)
    unequal = ((2 * ranks - bins - 1) * _mass(maps).sort(dim=1).values).sum(dim=1) / (bins - 1)
    return torch.where(maps.sum(dim=1) > 0, unequal.clip(0, 1), 0)


def _mass(maps: Tensor) -> Tensor:
    """Bins as shares of their sum; an all-zero map stays zero."""
    total = maps.sum(dim=1, keepdim=True)
    return torch.where(total > 0, maps / total, 0)


def _top_count(bins: int) -> int:
    return max(1, int(TOP_SHARE * bins))


def _top(values: Tensor) -> Tensor:
    return values.topk(_top_count(values.shape[1]), dim=1).values
