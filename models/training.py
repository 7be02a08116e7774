"""Training a backbone to its early stop."""

import logging
import math
import sys
import warnings
from dataclasses import dataclass

import pandas as pd
import pytorch_lightning as lightning
from pytorch_lightning.callbacks import Callback, EarlyStopping
from torch import Tensor

from models.backbones.base import Backbone
from models.batches import StoredSignals, batch_loader
from models.classifier import EcgClassifier
from veribeat.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """How to train: Adam at a constant rate, early stopping on validation loss ([CF] 4.4, A.1)."""

    max_epochs: int
    patience: int
    learning_rate: float
    batch_size: int
    gradient_clip_norm: float
    seed: int


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves: the weights of its best epoch (0-based) and the losses of every epoch."""

    best_state: dict[str, Tensor]
    best_epoch: int
    history: pd.DataFrame  # epoch, train_loss, val_loss


class _BestState(Callback):
    """Keeps every epoch's losses and the weights of the epoch with the lowest validation loss."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.best_loss = math.inf
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] = {}

    # Lightning validates within the training epoch; only here are both epoch means known.
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        epoch = trainer.current_epoch
        train_loss = trainer.callback_metrics["train_loss"].item()
        val_loss = trainer.callback_metrics["val_loss"].item()
        self.rows.append({"epoch": epoch, "train_loss": train_loss, "val_loss": val_loss})
        if val_loss < self.best_loss:
            assert isinstance(pl_module, EcgClassifier)
            self.best_loss, self.best_epoch = val_loss, epoch
            self.best_state = {name: value.clone() for name, value in pl_module.backbone.state_dict().items()}
        print(
            f"epoch {epoch:4d}  train loss {train_loss:.4f}  validation loss {val_loss:.4f}"
            f"  best {self.best_loss:.4f} at epoch {self.best_epoch}",
            file=sys.stderr,
            flush=True,
        )


def fit(
    backbone: Backbone, train: StoredSignals, validation: StoredSignals, recipe: Recipe
) -> TrainingResult:
    """Train `backbone` (signals in mV (B, 1000, 12) to logits (B, 5)) on the CPU, deterministically.

    The caller has seeded the weights and made the process deterministic (`models.runtime`). Stops after
    `patience` epochs without a lower validation loss and returns the best epoch's weights. Raises InputError
    when a loss is no longer finite.
    """
    best = _BestState()
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches come from memory
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=recipe.max_epochs,
        gradient_clip_val=recipe.gradient_clip_norm,
        gradient_clip_algorithm="norm",
        deterministic=True,
        callbacks=[EarlyStopping("val_loss", patience=recipe.patience, check_on_train_epoch_end=True), best],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(
        EcgClassifier(backbone, recipe.learning_rate),
        batch_loader(train, recipe.batch_size, seed=recipe.seed),
        batch_loader(validation, 512, seed=None),
    )
    if not math.isfinite(best.rows[-1]["val_loss"]):  # EarlyStopping has ended the run
        raise InputError(
            f"The loss is no longer finite at epoch {best.rows[-1]['epoch']}: lower the learning rate."
        )
    return TrainingResult(best.best_state, best.best_epoch, pd.DataFrame(best.rows))
