"""The Lightning module: loss, optimiser and what is logged."""

from typing import Any, Literal

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

Schedule = Literal["constant", "one_cycle"]


class EcgClassifier(lightning.LightningModule):
    """A backbone trained with binary cross-entropy on five independent labels ([CF] A.1).

    The schedule `one_cycle` (Smith and Topin 2018) rises to `learning_rate` over the first 30 % of all steps and falls
    to almost nothing by the last, while Adam's first beta falls from 0.95 to 0.85 and rises again.
    """

    def __init__(
        self,
        backbone: nn.Module,
        learning_rate: float,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV (B, T, 12) to logits (B, 5)."""
        logits: Tensor = self.backbone(signals)
        return logits

    def _loss(self, batch: tuple[Tensor, Tensor], name: str) -> Tensor:
        signals, targets = batch
        loss = binary_cross_entropy_with_logits(self(signals).float(), targets)
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Mean loss of one batch."""
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Log the mean loss of one batch; Lightning averages over records."""
        with torch.autocast("cpu", enabled=False):  # judged in the precision in which it will serve
            self._loss(batch, "val_loss")

    def configure_optimizers(self) -> Any:
        """Adam ([CF] 4.4), with decoupled decay of weight matrices (AdamW) where `weight_decay` is not 0."""
        matrices = [parameter for parameter in self.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.parameters() if parameter.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return optimizer
        one_cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=int(self.trainer.estimated_stepping_batches)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": one_cycle, "interval": "step"}}
