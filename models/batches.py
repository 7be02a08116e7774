"""Batches of stored signals, drawn in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

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


class StoredSignals(Dataset[tuple[Tensor, Tensor]]):
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

    def __getitem__(self, batch: BatchIndex) -> tuple[Tensor, Tensor]:
        """Signals in mV (B, crop_samples, 12) and targets (B, 5)."""
        rows = self.rows[batch.positions]
        if self.latest_start == 0:
            stored = self.signals[rows]
        else:
            samples = batch.starts[:, None] + np.arange(self.crop_samples)
            stored = self.signals[rows[:, None], samples]
        return to_millivolts(stored), self.targets[batch.positions]


class EpochBatches(Sampler[BatchIndex]):
    """Every position 0..length-1 once, in batches; order and crops depend on seed and epoch alone.

    A single position that is left over joins the batch before it, because batch normalisation cannot train on one.
    Nothing but the epoch number carries over from one epoch to the next, so a training that resumes at an epoch
    sees the batches that it would have seen.
    """

    def __init__(self, length: int, batch_size: int, *, seed: int | None, latest_start: int = 0) -> None:
        self.length = length
        self.batch_size = batch_size
        self.seed = seed  # None keeps the stored order, and crops at the start
        self.latest_start = latest_start
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._starts())

    def _starts(self) -> range:
        """Where each batch begins in the order of the epoch."""
        alone = self.length % self.batch_size == 1 and self.length > self.batch_size > 1
        return range(0, self.length - alone, self.batch_size)

    def __iter__(self) -> Iterator[BatchIndex]:
        order, starts = np.arange(self.length), np.zeros(self.length, dtype=np.int64)
        if self.seed is not None:
            random = np.random.default_rng([self.seed, self.epoch])
            order = random.permutation(self.length)
            starts = random.integers(0, self.latest_start, self.length, endpoint=True)
        firsts = self._starts()
        for first, end in zip(firsts, [*firsts[1:], self.length], strict=True):
            yield BatchIndex(order[first:end], starts[first:end])


def batch_loader(dataset: StoredSignals, batch_size: int, *, seed: int | None) -> DataLoader:
    """A loader of whole batches; `seed` None keeps the stored order (validation)."""
    sampler = EpochBatches(len(dataset), batch_size, seed=seed, latest_start=dataset.latest_start)
    return DataLoader(dataset, sampler=sampler, batch_size=None)
