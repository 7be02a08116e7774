"""Batches of stored signals, drawn in memory."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from models.inference import to_millivolts


class StoredSignals(Dataset[tuple[Tensor, Tensor]]):
    """The records at `rows` of a stored cohort; indexed by a whole batch of positions at once.

    `signals` (N, 1000, 12) holds int16 units and is usually a memory map, so that only a batch is copied;
    `targets` (len(rows), 5) belong to `rows`.
    """

    def __init__(
        self, signals: NDArray[np.int16], rows: NDArray[np.integer], targets: NDArray[np.bool_]
    ) -> None:
        self.signals = signals
        self.rows = rows
        self.targets = torch.from_numpy(targets.astype(np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: list[int]) -> tuple[Tensor, Tensor]:
        """Signals in mV (B, 1000, 12) and targets (B, 5)."""
        return to_millivolts(self.signals[self.rows[positions]]), self.targets[positions]


class EpochBatches(Sampler[list[int]]):
    """Positions 0..length-1 in batches, in an order that depends on seed and epoch alone.

    Nothing but the epoch number carries over from one epoch to the next, so a training that resumes at an epoch
    sees the batches that it would have seen.
    """

    def __init__(self, length: int, batch_size: int, *, seed: int | None) -> None:
        self.length = length
        self.batch_size = batch_size
        self.seed = seed  # None keeps the stored order
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if self.seed is None:
            order = np.arange(self.length)
        else:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for start in range(0, self.length, self.batch_size):
            yield order[start : start + self.batch_size].tolist()


def batch_loader(dataset: StoredSignals, batch_size: int, *, seed: int | None) -> DataLoader:
    """A loader of whole batches; `seed` None keeps the stored order (validation)."""
    return DataLoader(dataset, sampler=EpochBatches(len(dataset), batch_size, seed=seed), batch_size=None)
