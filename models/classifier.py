"""The Lightning module: loss, optimiser and what is logged."""

from typing import Any, Literal

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models.backbones.base import Backbone
from models.batches import Batch, select_records
from models.processes import gather, loss_weight, part

Schedule = Literal["constant", "one_cycle"]


def mean_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Binary cross-entropy of logits (B, 5), weighted as the batch says."""
    weights = batch.get("weights")
    return binary_cross_entropy_with_logits(
        logits, batch["targets"], weight=None if weights is None else weights[:, None]
    )


class EcgClassifier(lightning.LightningModule):
    """A backbone trained with binary cross-entropy on five independent labels ([CF] A.1).

    The schedule `one_cycle` (Smith and Topin 2018) rises to `learning_rate` over the first 30 % of the run and falls to
    almost nothing by its end, while Adam's first beta falls from 0.95 to 0.85 and rises again. It goes by the share of
    the epochs that are over, so that an epoch of few batches takes it as far as one of many. `epoch_batches` is the
    number of batches of an epoch of all records, which the schedule is divided by.

    Where several processes share the training, each is given whole batches and works on its part of them.

    With `feature_layer`, a training step leaves the features of that layer with their gradients in `kept_features`, of
    this process's part of the batch.
    """

    def __init__(
        self,
        backbone: Backbone,
        learning_rate: float,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
        *,
        epoch_batches: int,
        feature_layer: int | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epoch_batches = epoch_batches
        self.feature_layer = feature_layer
        self.kept_features: Tensor | None = None
        self.validation_logits: list[Tensor] = []

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV (B, T, 12) to logits (B, 5)."""
        logits: Tensor = self.backbone(signals)
        return logits

    def _log(self, name: str, logits: Tensor, batch: Batch) -> None:
        """The mean loss of a whole batch, which every process knows; Lightning averages over records."""
        self.log(name, mean_loss(logits, batch), on_step=False, on_epoch=True, batch_size=len(logits))

    def training_step(self, batch: Batch, batch_index: int) -> dict[str, Tensor]:
        """Mean loss of this process's part of a batch, weighted, and the logits (B, 5) of the whole."""
        records = len(batch["positions"])
        own = select_records(batch, part(records))
        if self.feature_layer is None:
            logits = self(own["signals"]).float()
        else:
            self.kept_features = self.backbone.features(own["signals"], self.feature_layer)
            self.kept_features.retain_grad()
            logits = self.backbone.classify(self.kept_features, self.feature_layer).float()
        of_batch = gather(logits.detach(), records)
        self._log("train_loss", of_batch, batch)
        return {"loss": mean_loss(logits, own) * loss_weight(records), "logits": of_batch}

    def on_validation_epoch_start(self) -> None:
        """Forget the logits of the epoch before."""
        self.validation_logits.clear()

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Log the loss of one batch, and keep its logits."""
        with torch.autocast("cpu", enabled=False):  # judged in the precision in which it will serve
            records = len(batch["positions"])
            logits = gather(self(batch["signals"][part(records)]).float(), records)
            self._log("val_loss", logits, batch)
        self.validation_logits.append(logits)

    def configure_optimizers(self) -> Any:
        """Adam ([CF] 4.4), with decoupled decay of weight matrices (AdamW) where `weight_decay` is not 0."""
        matrices = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters() if parameter.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return optimizer
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=self.epoch_batches * int(self.trainer.max_epochs or 1)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": one_cycle, "interval": "step"}}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Take the schedule to where the share of the epochs that are over is."""
        done = (self.trainer.fit_loop.epoch_loop.batch_idx + 1) / self.trainer.num_training_batches
        step = round((self.trainer.current_epoch + done) * self.epoch_batches)
        scheduler.last_epoch = step - 1  # what a step of its own would count on from
        scheduler.step()
