"""Batches of stored signals, drawn in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from models.inference import to_millivolts


@dataclass(frozen=True)
class BatchIndex:
    """Which records a batch holds, as positions in the data set, and where each one's crop starts, in samples."""

    positions: NDArray[np.integer]
    starts: NDArray[np.integer]
    weights: NDArray[np.float32] | None = None  # of the records' losses; None: 1 each


class Batch(TypedDict):
    """Records with their labels; a dictionary, because Lightning lets callbacks change one in place."""

    signals: Tensor  # (B, T, 12) in mV
    targets: Tensor  # (B, 5), 0 or 1
    positions: Tensor  # (B,) in the data set
    starts: Tensor  # (B,) first sample of the crop in its record
    weights: NotRequired[Tensor]  # (B,) of the losses


def select_records(batch: Batch, chosen: Tensor | slice) -> Batch:
    """The records of a batch that a mask (B,) or a slice names."""
    selected = batch.copy()
    for name in selected:
        selected[name] = batch[name][chosen]  # type: ignore[literal-required]
    return selected


class StoredSignals(Dataset[Batch]):
    """The records at `rows` of a stored cohort; indexed by a whole batch at once.

    `signals` (N, 1000, 12) holds int16 units and is usually a memory map, so that only a batch is copied;
    `targets` (len(rows), 5) belong to `rows`. Records are cut to `crop_samples`; None keeps them whole.
    """

    def __init__(
        self,
        signals: NDArray[np.int16],
        rows: NDArray[np.integer],
        targets: NDArray[np.bool_],
        crop_samples: int | None = None,
    ) -> None:
        self.signals = signals
        self.rows = rows
        self.targets = torch.from_numpy(targets.astype(np.float32))
        self.crop_samples = crop_samples or signals.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def latest_start(self) -> int:
        """The last sample at which a crop can start."""
        return int(self.signals.shape[1]) - self.crop_samples

    def __getitem__(self, batch: BatchIndex) -> Batch:
        """Signals in mV (B, crop_samples, 12), targets (B, 5) and where they come from."""
        rows = self.rows[batch.positions]
        if self.latest_start == 0:
            stored = self.signals[rows]
        else:
            samples = batch.starts[:, None] + np.arange(self.crop_samples)
            stored = self.signals[rows[:, None], samples]
        content = Batch(
            signals=to_millivolts(stored),
            targets=self.targets[batch.positions],
            positions=torch.from_numpy(batch.positions),
            starts=torch.from_numpy(batch.starts),
        )
        if batch.weights is not None:
            content["weights"] = torch.from_numpy(batch.weights)
        return content


class EpochBatches(Sampler[BatchIndex]):
    """Every position 0..length-1 once, in batches; order and crops depend on seed and epoch alone.

    A single position that is left over joins the batch before it, because batch normalisation cannot train on one.
    Nothing but the epoch number carries over from one epoch to the next, so a training that resumes at an epoch
    sees the batches that it would have seen. Where there is a `plan`, its batches are drawn instead.
    """

    def __init__(self, length: int, batch_size: int, *, seed: int | None, latest_start: int = 0) -> None:
        self.length = length
        self.batch_size = batch_size
        self.seed = seed  # None keeps the stored order, and crops at the start
        self.latest_start = latest_start
        self.epoch = 0
        self.plan: Sequence[BatchIndex] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._first_of_batches()) if self.plan is None else len(self.plan)

    def __iter__(self) -> Iterator[BatchIndex]:
        # A generator: Lightning asks for the iterator before it says which epoch comes.
        yield from self.all_batches(self.epoch) if self.plan is None else self.plan

    def all_batches(self, epoch: int) -> list[BatchIndex]:
        """The batches of an epoch that draws every position."""
        order, starts = np.arange(self.length), np.zeros(self.length, dtype=np.int64)
        if self.seed is not None:
            random = np.random.default_rng([self.seed, epoch])
            order = random.permutation(self.length)
            starts = random.integers(0, self.latest_start, self.length, endpoint=True)
        return cut_into_batches(BatchIndex(order, starts), self.batch_size)

    def _first_of_batches(self) -> range:
        return _firsts(self.length, self.batch_size)


def cut_into_batches(whole: BatchIndex, batch_size: int) -> list[BatchIndex]:
    """Batches of `batch_size`, in this order; the last holds the rest, and a record left alone joins the one before."""
    firsts = _firsts(len(whole.positions), batch_size)
    weights = whole.weights
    return [
        BatchIndex(
            whole.positions[first:end],
            whole.starts[first:end],
            None if weights is None else weights[first:end],
        )
        for first, end in zip(firsts, [*firsts[1:], len(whole.positions)], strict=True)
    ]


def _firsts(length: int, batch_size: int) -> range:
    """Where each batch begins."""
    alone = length % batch_size == 1 and length > batch_size > 1
    return range(0, length - alone, batch_size)


def batch_loader(dataset: StoredSignals, batch_size: int, *, seed: int | None) -> DataLoader[Batch]:
    """A loader of whole batches; `seed` None keeps the stored order (validation)."""
    sampler = EpochBatches(len(dataset), batch_size, seed=seed, latest_start=dataset.latest_start)
    return DataLoader(dataset, sampler=sampler, batch_size=None)
