"""What happens at the end of every epoch: the record of losses, the best weights, the resume point, the report."""

import math
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, Checkpoint, EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from torch import Tensor
from typing_extensions import override

from models.classifier import EcgClassifier
from veribeat.metrics.classification import label_metrics
from veribeat.metrics.thresholds import calibrate_thresholds, predict_labels

Judge = Literal["val_loss", "val_f1_macro"]
"""By what the best epoch is told: the lowest loss, or the highest macro-F1 at the thresholds that maximise it."""


class EpochRecord(Callback):
    """Keeps every epoch's losses and the weights of the best epoch.

    Where validation macro-F1 is the judge, `targets` (N, 5) are those of the validation records, and macro-F1 is kept,
    too. Of equally good epochs the first is the best.
    """

    _STATE = ("rows", "best_value", "best_epoch", "best_state")

    def __init__(self, judge: Judge, targets: Tensor) -> None:
        self.judge = judge
        self.targets = targets.numpy() > 0
        self.rows: list[dict[str, float]] = []
        self.best_value = math.inf if judge == "val_loss" else -math.inf
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] = {}

    @override
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        # Lightning validates within the training epoch; only here are both epoch means known.
        epoch = trainer.current_epoch
        train_loss = trainer.callback_metrics["train_loss"].item()
        val_loss = trainer.callback_metrics["val_loss"].item()
        row = {"epoch": epoch, "train_loss": train_loss, "val_loss": val_loss}
        assert isinstance(pl_module, EcgClassifier)
        value, better = val_loss, val_loss < self.best_value
        if self.judge == "val_f1_macro":
            value = row["val_f1_macro"] = self._macro_f1(pl_module.validation_logits)
            better = value > self.best_value
        self.rows.append(row)
        if better:
            self.best_value, self.best_epoch = value, epoch
            self.best_state = {name: value.clone() for name, value in pl_module.backbone.state_dict().items()}

    def _macro_f1(self, logits: list[Tensor]) -> float:
        probabilities = torch.sigmoid(torch.cat(logits)).numpy()
        if not np.isfinite(probabilities).all():
            return -math.inf  # early stopping ends the run
        thresholds = calibrate_thresholds(probabilities, self.targets)
        scores = label_metrics(self.targets, predict_labels(probabilities, thresholds))
        macro_f1 = scores["f1_macro"]
        assert isinstance(macro_f1, float)
        return macro_f1

    @override
    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._STATE}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name in self._STATE:
            setattr(self, name, state_dict[name])


class ResumableEarlyStopping(EarlyStopping):
    """An early stop that a resumed training remembers; Lightning's own trains an epoch more."""

    @override
    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        trainer.should_stop = self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED


class EpochSeed(Callback):
    """Seeds torch anew at each epoch, so that dropout in an epoch does not depend on what ran before it.

    Each process of a training has a seed of its own, or all would drop the same of different records.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @override
    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not at the start of the epoch: around it a data loader draws a number, before it in a first epoch only.
        if batch_idx == 0:
            torch.manual_seed((self.seed << 31) + (trainer.global_rank << 20) + trainer.current_epoch)


class ResumePoint(Checkpoint):
    """Saves the whole state of the training at the end of each epoch: at any moment the file is whole.

    A `Checkpoint`, because Lightning runs these after all other callbacks, whose state is part of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @override
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        scratch = self.path.with_name(f"{self.path.name}.new")
        trainer.save_checkpoint(scratch)  # every process takes part, the first one writes
        if trainer.is_global_zero:
            scratch.replace(self.path)


class EpochReport(Callback):
    """One line per epoch on standard error with the time that is left, and a bar of batches on a terminal.

    Of several processes the first one speaks.
    """

    def __init__(self, record: EpochRecord, patience: int | None) -> None:
        self.record = record
        self.patience = patience
        self.durations: list[float] = []
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("batches"))
        self.bar = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
        self.console = console

    @override
    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.console.quiet = not trainer.is_global_zero
        self.bar.disable |= self.console.quiet
        if trainer.current_epoch:
            self.console.print(
                f"going on after epoch {trainer.current_epoch - 1}, the last one that was saved"
            )
        self.task = self.bar.add_task("", total=trainer.num_training_batches)
        self.bar.start()

    @override
    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.started = time.monotonic()
        self.bar.reset(
            self.task, total=trainer.num_training_batches, description=f"epoch {trainer.current_epoch}"
        )

    @override
    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.bar.advance(self.task)

    @override
    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.durations.append(time.monotonic() - self.started)
        row, record = self.record.rows[-1], self.record
        self.console.print(
            f"epoch {row['epoch']:4d}  train loss {row['train_loss']:.4f}  validation loss {row['val_loss']:.4f}"
            f"  best {record.best_value:.4f} at epoch {record.best_epoch}"
            f"  {self.durations[-1]:.1f} s  {self._time_left(trainer)}"
        )

    @override
    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self.bar.stop()

    def _time_left(self, trainer: lightning.Trainer) -> str:
        epoch = trainer.current_epoch
        assert trainer.max_epochs is not None
        left, words = trainer.max_epochs - 1 - epoch, ""
        if self.patience is not None:
            until_stop = self.patience - (epoch - self.record.best_epoch)
            if until_stop < left:
                left, words = until_stop, "at least "  # a better epoch puts the early stop off
        if left == 0:
            return "done"
        seconds = left * sum(self.durations) / len(self.durations)
        return f"{words}{_clock(seconds)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
