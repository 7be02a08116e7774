"""Focus scores that know where in a record its beats are; NaN where they cannot be told.

Rhythmic evidence is spread over all beats of a strip, so the localisation of a map over the whole strip is the wrong
notion for it. `physio` asks how much of the map lies on waves, `beat_coherence` whether it looks alike in every beat.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.selection.focus import entropy
from veribeat.conventions import SAMPLING_RATE
from veribeat.errors import InputError

LONGEST_BIN = 0.08
"""Seconds: in longer bins the windows of P, QRS and T blur into each other."""
FULLEST = 0.95
"""Share of time covered by windows beyond which nothing can lie outside of them."""
PHASES = 32
"""Points of a beat's profile, from `BEFORE` of its RR interval before the R-peak to the rest after it."""
BEFORE = 1 / 3


@dataclass(frozen=True)
class RecordBeats:
    """Where the beats of each record of a data set are.

    `windows` (N, T) is true within P-onset..P-offset and QRS-onset..T-offset; a record without one true sample could
    not be delineated. `peaks` (N, P) are R-peaks in samples, ascending, -1 after the last.
    """

    windows: Tensor
    peaks: Tensor


def physio(maps: Tensor, windows: Tensor) -> Tensor:
    """Share of the map inside the windows, corrected for their coverage, (B,): (f - m) / (1 - m), at least 0.

    Args:
        maps: (B, T') of crops.
        windows: (B, T) booleans of the same crops.

    f is the mass of the map inside the windows, m the share of time that they cover. NaN where there are none, or m is
    near 1.

    Raises:
        InputError: a bin of the map is longer than 80 ms.
    """
    samples, bins = windows.shape[1], maps.shape[1]
    if samples > LONGEST_BIN * SAMPLING_RATE * bins:
        raise InputError(
            f"A bin of the activation map lasts {1000 * samples / bins / SAMPLING_RATE:.0f} ms, but the focus score"
            f" physio needs at most {1000 * LONGEST_BIN:.0f} ms: choose an earlier layer or another focus score."
        )
    edges = torch.linspace(0, samples, bins + 1).round().long()
    before = torch.nn.functional.pad(windows.float().cumsum(dim=1), (1, 0))[:, edges]
    inside = before.diff(dim=1) / edges.diff()
    covered = windows.float().mean(dim=1)
    total = maps.sum(dim=1)
    share = torch.where(total > 0, (maps * inside).sum(dim=1) / total, 0)
    score = ((share - covered) / (1 - covered)).clip(0, 1)
    return torch.where((covered > 0) & (covered < FULLEST), score, torch.nan)


def beat_coherence(maps: Tensor, peaks: Tensor, samples: int) -> Tensor:
    """Mean cosine between the maps of single beats and their mean, times its concentration over the beat, (B,).

    Args:
        maps: (B, T') of crops.
        peaks: (B, P) R-peaks in samples of the crop; those outside 0..samples-1 are not there.
        samples: length of a crop.

    Each beat, from a third of its RR interval before the R-peak on, is stretched to 32 points. The concentration is one
    minus the relative entropy of the mean profile, so that a map that is flat, and so alike in every beat, scores 0.
    NaN where fewer than two beats are whole.
    """
    bins = maps.shape[1]
    first, second = peaks[:, :-1], peaks[:, 1:]
    interval = (second - first).float()
    start = first - BEFORE * interval
    whole = (
        (first >= 0)
        & (second > first)
        & (start >= 0)
        & (start + interval <= samples - 1)
        & (second < samples)
    )
    phase = (torch.arange(PHASES) + 0.5) / PHASES
    at = (start[..., None] + phase * interval[..., None]) * bins / samples - 0.5  # centre of bin 0 is at 0
    at = at.clip(0, bins - 1)
    left = at.long().clip(max=bins - 2) if bins > 1 else at.long()
    flat_left = left.flatten(1)
    rest = (at - left).flatten(1)
    profiles = (
        maps.gather(1, flat_left) * (1 - rest) + maps.gather(1, (flat_left + 1).clip(max=bins - 1)) * rest
    )
    profiles = profiles.view(at.shape) * whole[..., None]
    beats = whole.sum(dim=1)
    mean = profiles.sum(dim=1) / beats.clip(min=1)[:, None]
    norms = profiles.norm(dim=2) * mean.norm(dim=1, keepdim=True)
    cosines = torch.where(norms > 0, (profiles * mean[:, None]).sum(dim=2) / norms, 0)
    coherence = cosines.sum(dim=1) / beats.clip(min=1)
    score = (coherence * entropy(mean)).clip(0, 1)
    return torch.where(beats >= 2, score, torch.nan)
