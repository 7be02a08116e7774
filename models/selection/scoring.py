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
from models.batches import Batch, select_records
from models.processes import gather, part
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
            records = len(batch["positions"])
            mine = part(records)
            features = self.backbone.features(batch["signals"][mine], layer)
            own_logits = self.backbone.classify(features, layer).float()
            self.cost.scored += records
            self.see(batch, gather(own_logits, records))
            self.state.scored[batch["positions"]] = epoch
            if not focus or mapping is None:
                return
            asked = torch.from_numpy(self.strategy.candidates(self.seen(batch))) & batch["targets"].any(dim=1)
            if not asked.any():
                return
            self.cost.mapped += int(asked.sum())
            own = asked[mine]
            features = gradients = features[own]
            if own.any():
                classes = target_logit(own_logits[own], batch["targets"][mine][own])
                gradients = feature_gradients(self.backbone, features, classes, layer)
        self._remember(batch, asked, features, gradients, mapping, random)

    def see(self, batch: Batch, logits: Tensor) -> None:
        """Remember what the logits (B, C) of any pass say about confidence and loss of a whole batch."""
        logits, targets = logits.detach().float(), batch["targets"]
        losses = binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
        confidence = label_confidence(logits, targets, self.strategy.confidence)
        self.state.see(batch["positions"], confidence, losses)

    def harvest(
        self, batch: Batch, features: Tensor, loss_gradients: Tensor, random: np.random.Generator
    ) -> None:
        """Remember the focus of maps from a training pass over a whole batch.

        `features` (n, K, T') and the loss's gradients for them are of this process's part of it (`models.processes`).
        Minus the gradient of a record's loss is that of the log-likelihood of its labels, up to a factor that no focus
        score feels. Records without a label have no focus, as elsewhere.
        """
        mapping = self.strategy.mapping
        assert mapping is not None
        asked = batch["targets"].any(dim=1)
        own = asked[part(len(asked))]
        self._remember(batch, asked, features[own].detach(), -loss_gradients[own], mapping, random)

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
        self,
        batch: Batch,
        asked: Tensor,
        features: Tensor,
        gradients: Tensor,
        mapping: Mapping,
        random: np.random.Generator,
    ) -> None:
        """Make maps for the records of a batch that the mask `asked` (B,) names, and remember their focus.

        Features and gradients are of those among them that are in this process's part of the batch.
        """
        mine = part(len(asked))
        maps = activation_map(features.float(), gradients.float(), mapping.cam)
        found = torch.full((len(asked[mine]), 2), torch.nan)
        if mapping.focus != "random":
            found[asked[mine], 0] = self._focus(
                maps, select_records(select_records(batch, mine), asked[mine]), mapping
            )
        found[asked[mine], 1] = (maps.amax(dim=1) <= 0).float()
        focus, is_zero = gather(found, len(asked))[asked].T
        if (
            mapping.focus == "random"
        ):  # every process draws for the whole batch, or generators would drift apart
            focus = torch.from_numpy(random.random(len(focus), dtype=np.float32))
        self.maps += len(focus)
        self.zero_maps += int(is_zero.sum())
        self.state.map(batch["positions"][asked], focus)

    def _focus(self, maps: Tensor, batch: Batch, mapping: Mapping) -> Tensor:
        if mapping.focus in OF_MAP:
            return OF_MAP[mapping.focus](maps)
        if self.beats is None:
            raise InputError(f"The focus score {mapping.focus} needs to know where the beats are.")
        positions, starts = batch["positions"], batch["starts"][:, None]
        samples = batch["signals"].shape[1]
        if mapping.focus == "physio":
            window = starts + torch.arange(samples)
            return physio(maps, self.beats.windows[positions[:, None], window])
        peaks = self.beats.peaks[positions].long()
        return beat_coherence(maps, torch.where(peaks >= 0, peaks - starts, -1), samples)


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
