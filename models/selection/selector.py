"""A strategy at work: before an epoch, at each batch, and after each training step. Knows nothing of Lightning."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.batches import Batch, BatchIndex, EpochBatches, StoredSignals, cut_into_batches, select_records
from models.selection.choice import Selection
from models.selection.cost import Cost
from models.selection.record import SelectionRecord
from models.selection.scoring import Scorer
from models.selection.state import SampleState
from models.selection.strategy import Strategy


class Selector:
    """Applies one strategy to one training; its state is all that a resumed training needs to select the same."""

    def __init__(
        self,
        strategy: Strategy,
        train: StoredSignals,
        sampler: EpochBatches,
        scorer: Scorer,
        *,
        epochs: int,
        seed: int,
    ) -> None:
        self.strategy = strategy
        self.train = train
        self.sampler = sampler
        self.scorer = scorer
        self.epochs = epochs
        self.seed = seed
        strategy.look_at(train)
        self.record = SelectionRecord(train.targets.numpy() > 0, focused=strategy.mapping is not None)

    @property
    def state(self) -> SampleState:
        """What is remembered of each record."""
        return self.scorer.state

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self.scorer.cost

    @property
    def harvested_layer(self) -> int | None:
        """The layer of which training passes have to leave features and their gradients, if of any."""
        mapping = self.strategy.mapping
        return mapping.layer if mapping is not None and mapping.harvest else None

    def prepare(self, epoch: int) -> None:
        """Get ready for `epoch`: score what is to be scored before it, and plan its batches."""
        self.epoch = epoch
        self.phase = self.strategy.phase(epoch, self.epochs)
        self.random = np.random.default_rng([self.seed, epoch, 1])  # 0 would be the sampler's own stream
        self.record.begin(epoch, self.phase)
        self.sampler.plan = None
        if self.phase in ("full", "revision"):
            return
        self.strategy.begin(epoch, self.epochs, self.state, self.random)
        if self.strategy.scoring is None or self.strategy.scoring.at == "epoch":
            self.sampler.plan = self._plan(epoch)

    def thin_out(self, batch: Batch) -> None:
        """Leave in a batch, in place, what the strategy keeps of it."""
        if self.phase in ("full", "revision") or self.sampler.plan is not None:
            return
        if self._due(self.epoch):
            self.scorer.score(batch, self.epoch, focus=self._needs_maps(), random=self.random)
        seen = self.scorer.seen(batch)
        selection = self.strategy.select(seen, self.phase, self.random)
        self.record.select(seen, selection)
        batch.update(select_records(batch, torch.from_numpy(selection.kept)))

    def trained(self, batch: Batch, logits: Tensor, features: Tensor | None) -> None:
        """Take what a training pass showed: logits (B, C) of a whole batch, and features with their gradients, or None.

        The features are of this process's part of the batch (`models.processes`).
        """
        self.cost.trained += len(logits)
        self.record.train(batch["positions"].numpy())
        self.scorer.see(batch, logits)
        if features is not None and self.phase != "revision":  # after which nothing asks for focus
            assert features.grad is not None
            self.scorer.harvest(batch, features, features.grad, self.random)

    def finish(self) -> None:
        """Close the record of an epoch."""
        self.record.finish(self.state, self.cost, self.scorer)

    def _due(self, epoch: int) -> bool:
        """Whether a scoring pass belongs to this epoch."""
        scoring = self.strategy.scoring
        if scoring is None:
            return False
        if scoring.refresh is None:
            return False
        first = next(e for e in range(self.epochs) if self.strategy.phase(e, self.epochs) != "full")
        return (epoch - first) % scoring.refresh == 0

    def _needs_maps(self) -> bool:
        return self.phase == "filtered" and self.strategy.mapping is not None and self.harvested_layer is None

    def _plan(self, epoch: int) -> list[BatchIndex]:
        """The records to be kept, in full batches, in the order and with the crops of an epoch of all records."""
        batches = self.sampler.all_batches(epoch)
        if self._due(epoch):
            for index in batches:
                self.scorer.score(self.train[index], epoch, focus=self._needs_maps(), random=self.random)
        targets = self.train.targets.numpy() > 0
        kept: list[BatchIndex] = []
        for index in batches:
            seen = self.scorer.latest(index.positions, targets[index.positions])
            selection = self.strategy.select(seen, self.phase, self.random)
            self.record.select(seen, selection)
            kept.append(_kept(index, selection))
        positions, starts = (
            np.concatenate([getattr(k, name) for k in kept]) for name in ("positions", "starts")
        )
        weights = [k.weights for k in kept if k.weights is not None]
        whole = BatchIndex(positions, starts, np.concatenate(weights) if weights else None)
        return cut_into_batches(whole, self.sampler.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors and plain values."""
        plan = self.sampler.plan
        return {
            "samples": self.state.state_dict(),
            "cost": self.cost.state(),
            "epoch": self.epoch,
            "record": self.record.state_dict(),
            "random": self.random.bit_generator.state,
            "plan": None
            if plan is None
            else [
                (
                    torch.from_numpy(index.positions),
                    torch.from_numpy(index.starts),
                    None if index.weights is None else torch.from_numpy(index.weights),
                )
                for index in plan
            ],
            "maps": (self.scorer.maps, self.scorer.zero_maps),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`, whose epoch was prepared."""
        self.state.load_state_dict(state["samples"])
        for name, value in state["cost"].items():
            setattr(self.cost, name, value)
        self.epoch = state["epoch"]
        self.phase = self.strategy.phase(self.epoch, self.epochs)
        self.record.load_state_dict(state["record"])
        self.random = np.random.default_rng([self.seed, self.epoch, 1])
        if self.phase not in ("full", "revision"):
            # Again, because limits are the strategy's own; what it draws is put behind it below.
            self.strategy.begin(self.epoch, self.epochs, self.state, self.random)
        self.random.bit_generator.state = state["random"]
        self.scorer.maps, self.scorer.zero_maps = state["maps"]
        plan = state["plan"]
        self.sampler.plan = plan and [
            BatchIndex(positions.numpy(), starts.numpy(), None if weights is None else weights.numpy())
            for positions, starts, weights in plan
        ]


def _kept(index: BatchIndex, selection: Selection) -> BatchIndex:
    weights = selection.weights
    kept = selection.kept
    return BatchIndex(index.positions[kept], index.starts[kept], None if weights is None else weights[kept])
