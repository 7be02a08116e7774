"""The Lightning module: loss, optimiser and what is logged."""

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class EcgClassifier(lightning.LightningModule):
    """A backbone trained with binary cross-entropy on five independent labels ([CF] A.1)."""

    def __init__(self, backbone: nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.learning_rate = learning_rate

    def forward(self, signals: Tensor) -> Tensor:
        """Signals in mV (B, 1000, 12) to logits (B, 5)."""
        logits: Tensor = self.backbone(signals)
        return logits

    def _loss(self, batch: tuple[Tensor, Tensor], name: str) -> Tensor:
        signals, targets = batch
        loss = binary_cross_entropy_with_logits(self(signals), targets)
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Mean loss of one batch."""
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Log the mean loss of one batch; Lightning averages over records."""
        self._loss(batch, "val_loss")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at a constant rate ([CF] 4.4)."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)
