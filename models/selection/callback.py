"""The Lightning side of a selection: calls the selector at the right moments."""

from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import Callback
from typing_extensions import override

from models.batches import Batch
from models.classifier import EcgClassifier
from models.selection.selector import Selector


class SelectRecords(Callback):
    """Trains each epoch on what a strategy selects; stands before callbacks that save, because it plans ahead."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector
        self.prepared = False

    @override
    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self.selector.scorer.precision = trainer.precision_plugin.forward_context

    @override
    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not self.prepared:  # else the plan came with the resume point
            self.selector.prepare(0)

    @override
    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.selector.thin_out(batch)

    @override
    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, EcgClassifier)
        self.selector.trained(batch, outputs["logits"], pl_module.kept_features)

    @override
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.selector.finish()
        # Already now, because Lightning asks for the length of an epoch before it says that the epoch begins.
        if trainer.current_epoch + 1 < self.selector.epochs:
            self.selector.prepare(trainer.current_epoch + 1)

    @override
    def state_dict(self) -> dict[str, Any]:
        return self.selector.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.selector.load_state_dict(state_dict)
        self.prepared = True
