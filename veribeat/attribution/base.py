"""What every attribution method takes and gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from veribeat.signal.stored_units import StoredMillivolts

LARGEST_BATCH = 100
"""Points per forward pass: the fastest for `cnn_gru_flow`."""


def batch_size(draws: int) -> int:
    """The largest number of draws per forward pass that divides all `draws`."""
    return next(size for size in range(min(draws, LARGEST_BATCH), 0, -1) if draws % size == 0)


@dataclass(frozen=True)
class Attribution:
    """Of one record, for k classes."""

    values: NDArray[np.float32]
    """(k, 1000, 12), in logits; that they add up to a difference of logits is not true of every method."""
    logits: NDArray[np.float64]
    """(k,) of the record."""
    baseline_logits: NDArray[np.float64]
    """(k,) of what the record is compared with; NaN where a method compares with nothing."""
    monte_carlo_error: NDArray[np.float64]
    """(k,) standard error of the values over the values, each a root mean square over samples and leads.

    NaN, not 0, where nothing is drawn at random: 0 would read as exact, which a quadrature is not."""
    draws: int
    """Points at which gradients were taken."""

    @property
    def completeness_gap(self) -> NDArray[np.float64]:
        """(k,) by how much the sum of the values exceeds the logit less the baseline logit; NaN without a baseline."""
        sums = self.values.sum(axis=(1, 2), dtype=np.float64)
        return np.asarray(sums - (self.logits - self.baseline_logits))


@dataclass(frozen=True)
class Background:
    """The records that a record is compared with."""

    signals_mv: NDArray[np.float32] | StoredMillivolts
    """(M, 1000, 12)."""
    logits: NDArray[np.float32]
    """(M, classes); NaN where `make_background` was not asked for them."""

    def whole_mv(self) -> NDArray[np.float32]:
        """All records (M, 1000, 12), in memory."""
        return self.signals_mv if isinstance(self.signals_mv, np.ndarray) else self.signals_mv[:]

    @cached_property
    def mean_mv(self) -> NDArray[np.float32]:
        """(1000, 12), the mean over the records."""
        mean: NDArray[np.float32] = self.whole_mv().mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean


@torch.no_grad()
def make_background(
    model: nn.Module,
    signals_mv: NDArray[np.float32] | StoredMillivolts,
    batch: int,
    rows: NDArray[np.int64] | None = None,
) -> Background:
    """`signals_mv` (M, 1000, 12) with the logits that `model`, in evaluation mode, gives them, `batch` at a time.

    Args:
        model: from signals in mV (B, 1000, 12) to logits (B, classes).
        signals_mv: of all background records.
        batch: records per forward pass.
        rows: of the records whose logits are needed; None: of all.
    """
    if rows is None:
        return Background(signals_mv, _logits(model, signals_mv, batch))
    found = _logits(model, signals_mv[rows], batch)
    logits = np.full((len(signals_mv), found.shape[1]), np.nan, dtype=np.float32)
    logits[rows] = found
    return Background(signals_mv, logits)


def _logits(
    model: nn.Module, signals_mv: NDArray[np.float32] | StoredMillivolts, batch: int
) -> NDArray[np.float32]:
    starts = range(
        0, max(len(signals_mv), 1), batch
    )  # without records, too, the number of classes is the model's
    return np.concatenate(
        [model(torch.from_numpy(signals_mv[start : start + batch])).numpy() for start in starts]
    )


def check_evaluating(model: nn.Module) -> None:
    """Raise ValueError for a model in training mode, where the records of a batch change each other's logits."""
    if model.training:
        raise ValueError("the model must be in evaluation mode")


def class_gradients(model: nn.Module, points: Tensor, classes: Sequence[int]) -> Iterator[Tensor]:
    """The gradient of each of the logits `classes` at `points` (B, T, 12) in mV: (B, T, 12), one class at a time.

    The classes share a forward pass; each has a backward pass of its own, down to the signal, never to the weights.
    """
    points.requires_grad_()
    totals = model(points)[:, list(classes)].sum(dim=0)  # points do not mix: gradients stay their own
    for place, total in enumerate(totals):
        last = place + 1 == len(classes)
        (gradients,) = torch.autograd.grad(total, points, retain_graph=not last)
        yield gradients


@torch.no_grad()
def class_logits(
    model: nn.Module, signal_mv: NDArray[np.float32], classes: Sequence[int]
) -> NDArray[np.float64]:
    """The logits `classes` of one record (T, 12): (k,)."""
    logits: NDArray[np.float64] = (
        model(torch.from_numpy(signal_mv)[None])[0, list(classes)].to(torch.float64).numpy()
    )
    return logits
