"""Confidence and focus of the records of a batch, by a pass that does not train or from one that did."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from models.backbones.base import Backbone
from models.batches import Batch
from models.selection.beat_focus import RecordBeats, beat_coherence, physio
from models.selection.cam import activation_map, feature_gradients, target_logit
from models.selection.choice import Seen
from models.selection.confidence import label_confidence
from models.selection.cost import Cost
from models.selection.focus import entropy, gini, topk_mass, topk_mean
from models.selection.state import SampleState
from models.selection.strategy import Mapping, Strategy
from veribeat.errors import InputError

OF_MAP = {"topk_mean": topk_mean, "topk_mass": topk_mass, "entropy": entropy, "gini": gini}

Precision = Callable[[], AbstractContextManager[object]]


@dataclass
class Scorer:
    """Makes scores for a strategy, remembers them in `state` and counts what they cost.

    `beats` are needed by the focus scores physio and beat_coherence. `precision` is the context of a forward pass.
    """

    backbone: Backbone
    strategy: Strategy
    state: SampleState
    cost: Cost
    beats: RecordBeats | None = None
    precision: Precision = nullcontext
    zero_maps: int = 0
    maps: int = 0

    def score(self, batch: Batch, epoch: int, *, focus: bool, random: np.random.Generator) -> None:
        """Scoring pass in `epoch`: confidences of a batch, and with `focus` that of its candidates."""
        scoring, mapping = self.strategy.scoring, self.strategy.mapping
        assert scoring is not None
        layer = -1 if mapping is None else mapping.layer
        with _mode(self.backbone, train=scoring.train_mode), torch.no_grad(), self.precision():
            features = self.backbone.features(batch["signals"], layer)
            logits = self.backbone.classify(features, layer).float()
            self.cost.scored += len(logits)
            self.see(batch, logits)
            self.state.scored[batch["positions"]] = epoch
            if not focus or mapping is None:
                return
            asked = torch.from_numpy(self.strategy.candidates(self.seen(batch))) & batch["targets"].any(dim=1)
            if not asked.any():
                return
            self.cost.mapped += int(asked.sum())
            own = select_records(batch, asked)
            classes = target_logit(logits[asked], own["targets"])
            gradients = feature_gradients(self.backbone, features[asked], classes, layer)
        self._remember(own, features[asked], gradients, mapping, random)

    def see(self, batch: Batch, logits: Tensor) -> None:
        """Remember what the logits (B, C) of any pass say about confidence and loss."""
        logits, targets = logits.detach().float(), batch["targets"]
        losses = binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
        confidence = label_confidence(logits, targets, self.strategy.confidence)
        self.state.see(batch["positions"], confidence, losses)

    def harvest(
        self, batch: Batch, features: Tensor, loss_gradients: Tensor, random: np.random.Generator
    ) -> None:
        """Remember the focus of maps from a training pass: of features (B, K, T') and the loss's gradients for them.

        Minus the gradient of a record's loss is that of the log-likelihood of its labels, up to a factor that no focus
        score feels. Records without a label have no focus, as elsewhere.
        """
        mapping = self.strategy.mapping
        assert mapping is not None
        asked = batch["targets"].any(dim=1)
        self._remember(
            select_records(batch, asked), features[asked].detach(), -loss_gradients[asked], mapping, random
        )

    def seen(self, batch: Batch) -> Seen:
        """What the strategy may know of a batch: the latest scores of its records."""
        positions = batch["positions"]
        return self.latest(positions.numpy(), batch["targets"].numpy() > 0)

    def latest(self, positions: NDArray[np.integer], targets: NDArray[np.bool_]) -> Seen:
        """The same of records by their positions (B,) and targets (B, C)."""
        return Seen(
            positions, targets, self.state.confidence.numpy()[positions], self.state.focus.numpy()[positions]
        )

    def _remember(
        self, batch: Batch, features: Tensor, gradients: Tensor, mapping: Mapping, random: np.random.Generator
    ) -> None:
        maps = activation_map(features.float(), gradients.float(), mapping.cam)
        self.maps += len(maps)
        self.zero_maps += int((maps.amax(dim=1) <= 0).sum())
        self.state.map(batch["positions"], self._focus(maps, batch, mapping, random))

    def _focus(self, maps: Tensor, batch: Batch, mapping: Mapping, random: np.random.Generator) -> Tensor:
        if mapping.focus in OF_MAP:
            return OF_MAP[mapping.focus](maps)
        if mapping.focus == "random":
            return torch.from_numpy(random.random(len(maps), dtype=np.float32))
        if self.beats is None:
            raise InputError(f"The focus score {mapping.focus} needs to know where the beats are.")
        positions, starts = batch["positions"], batch["starts"][:, None]
        samples = batch["signals"].shape[1]
        if mapping.focus == "physio":
            window = starts + torch.arange(samples)
            return physio(maps, self.beats.windows[positions[:, None], window])
        peaks = self.beats.peaks[positions].long()
        return beat_coherence(maps, torch.where(peaks >= 0, peaks - starts, -1), samples)


def select_records(batch: Batch, kept: Tensor) -> Batch:
    """The records of a batch that the mask `kept` (B,) names."""
    selected = batch.copy()
    for name in selected:
        selected[name] = batch[name][kept]  # type: ignore[literal-required]
    return selected


@contextmanager
def _mode(backbone: Backbone, *, train: bool) -> Iterator[None]:
    """The network in evaluation or training mode, and afterwards as it was.

    Statistics of batch normalisation are not moved by a pass that does not train.
    """
    before = backbone.training
    normalisations = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm1d)]
    momenta = [module.momentum for module in normalisations]
    backbone.train(train)
    for module in normalisations:
        module.momentum = 0.0
    try:
        yield
    finally:
        backbone.train(before)
        for module, momentum in zip(normalisations, momenta, strict=True):
            module.momentum = momentum
