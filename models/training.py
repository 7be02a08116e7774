"""Training a backbone to its last epoch or its early stop."""

import logging
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader

from models.backbones.base import Backbone
from models.batches import Batch, EpochBatches, StoredSignals, batch_loader
from models.callbacks import EpochRecord, EpochReport, EpochSeed, Judge, ResumableEarlyStopping, ResumePoint
from models.classifier import EcgClassifier, Schedule
from models.selection.beat_focus import RecordBeats
from models.selection.callback import SelectRecords
from models.selection.cost import Cost, share_above
from models.selection.scoring import Scorer
from models.selection.selector import Selector
from models.selection.state import SampleState
from models.selection.strategy import Strategy
from veribeat.errors import InputError

VALIDATION_BATCH = 256

Precision = Literal["float32", "bfloat16"]

LightningStrategy = Literal["auto", "ddp"]
"""How Lightning trains: auto trains in this process where there is one device, and otherwise like ddp."""


@dataclass(frozen=True)
class Recipe:
    """How to train; the crop is part of the data set (`models.batches.StoredSignals`)."""

    max_epochs: int
    patience: int | None  # epochs without a lower validation loss; None: no early stop
    learning_rate: float  # the highest, where the schedule is not constant
    batch_size: int
    gradient_clip_norm: float
    seed: int
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    precision: Precision = "float32"  # of forward and backward; weights and optimiser stay in float32
    judge: Judge = "val_loss"  # by what the best epoch is told
    devices: int = 1  # processes that share each batch; the weights depend on their number
    lightning_strategy: LightningStrategy = "auto"


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves: the weights of its best epoch (0-based), and what happened in every epoch.

    `history` has the columns epoch, train_loss and val_loss, and val_f1_macro where that is the judge. `selection` has
    a row per epoch (`models.selection.record`), `samples` a row per training record (`SampleState.table`).
    """

    best_state: dict[str, Tensor]
    best_epoch: int
    history: pd.DataFrame
    selection: pd.DataFrame
    samples: pd.DataFrame
    cost: Cost


def fit(
    backbone: Backbone,
    train: StoredSignals,
    validation: StoredSignals,
    recipe: Recipe,
    resume: Path | None = None,
    strategy: Strategy | None = None,
    beats: RecordBeats | None = None,
) -> TrainingResult:
    """Train `backbone` (signals in mV (B, T, 12) to logits (B, 5)) on the CPU, deterministically.

    The caller has seeded the weights and made the process deterministic (`models.runtime`). `strategy` selects the
    records of each epoch (None: all of them); `beats` say where the beats of `train` are, where it asks for them. The
    state after each epoch is kept in the file `resume`; where it exists, the training goes on from it, to the same
    bytes as one that was never interrupted. The caller answers for its belonging to these arguments, and removes it.
    With several `recipe.devices` Lightning starts this program again, with the same arguments, once for each other
    process (`is_helper`); all return the same.
    Raises InputError when a loss is no longer finite, or `resume` is damaged.
    """
    if resume is not None and resume.is_file():
        _check_readable(resume)
    if recipe.devices > 1:  # or Lightning would set the number of threads by the number of cores
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    _quieten_lightning()
    record = EpochRecord(recipe.judge, validation.targets)
    loader = batch_loader(train, recipe.batch_size, seed=recipe.seed)
    sampler = loader.sampler
    assert isinstance(sampler, EpochBatches)
    epoch_batches = len(sampler)
    strategy = Strategy() if strategy is None else strategy
    selector = _selector(backbone, train, sampler, recipe, strategy, beats)
    classifier = EcgClassifier(
        backbone,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.schedule,
        epoch_batches=epoch_batches,
        feature_layer=selector.harvested_layer,
    )
    trainer = _trainer(recipe, _callbacks(recipe, record, selector, resume), resume)
    _train(trainer, classifier, loader, batch_loader(validation, VALIDATION_BATCH, seed=None), resume)
    if not math.isfinite(record.rows[-1]["val_loss"]):  # EarlyStopping has ended the run
        raise InputError(
            f"The loss is no longer finite at epoch {record.rows[-1]['epoch']}: lower the learning rate."
        )
    return TrainingResult(
        record.best_state,
        record.best_epoch,
        pd.DataFrame(record.rows),
        pd.DataFrame(selector.record.rows),
        selector.state.table(),
        selector.cost,
    )


def is_helper(devices: int) -> bool:
    """Whether Lightning started this process to share the training of another one, which writes what comes of it.

    With one of `devices` it never does, whatever the environment says: others use the same variable.
    """
    return devices > 1 and os.environ.get("LOCAL_RANK", "0") != "0"


def _check_readable(resume: Path) -> None:
    try:
        torch.load(resume, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; each means the same to the user
        raise InputError(f"{resume} is damaged: delete it, and the training starts anew.") from error


def _quieten_lightning() -> None:
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches come from memory
    warnings.filterwarnings(
        "ignore", message=".*isinstance.treespec, LeafSpec.*"
    )  # Lightning's own, with torch 2.13


def _selector(
    backbone: Backbone,
    train: StoredSignals,
    sampler: EpochBatches,
    recipe: Recipe,
    strategy: Strategy,
    beats: RecordBeats | None,
) -> Selector:
    """What applies `strategy`, with nothing known of the records and nothing spent yet."""
    mapping = strategy.mapping
    above = 0.0 if mapping is None else share_above(backbone, mapping.layer, train.crop_samples)
    scorer = Scorer(backbone, strategy, SampleState(len(train)), Cost(len(train), above), beats)
    return Selector(strategy, train, sampler, scorer, epochs=recipe.max_epochs, seed=recipe.seed)


def _trainer(recipe: Recipe, callbacks: list[Callback], resume: Path | None) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="cpu",
        devices=recipe.devices,
        strategy=recipe.lightning_strategy,
        precision="bf16-mixed" if recipe.precision == "bfloat16" else "32-true",
        max_epochs=recipe.max_epochs,
        gradient_clip_val=recipe.gradient_clip_norm,
        gradient_clip_algorithm="norm",
        deterministic=True,
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,  # or an epoch would be as long as the first
        logger=False,
        enable_checkpointing=resume is not None,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def _train(
    trainer: lightning.Trainer,
    classifier: EcgClassifier,
    loader: DataLoader[Batch],
    validation: DataLoader[Batch],
    resume: Path | None,
) -> None:
    """Run the training, from `resume` on where there is such a file; Ctrl-C stays a KeyboardInterrupt."""
    try:
        trainer.fit(
            classifier,
            loader,
            validation,
            ckpt_path=resume if resume is not None and resume.is_file() else None,
            weights_only=True,
        )
    except SystemExit as error:
        if trainer.interrupted:  # Lightning turns Ctrl-C into exit code 1
            raise KeyboardInterrupt from error
        raise


def _callbacks(
    recipe: Recipe, record: EpochRecord, selector: Selector, resume: Path | None
) -> list[Callback]:
    """In the order in which they run, but for early stopping and the resume point, which Lightning runs last."""
    # Without patience it still stops where the loss is no longer finite.
    patience = recipe.max_epochs if recipe.patience is None else recipe.patience
    callbacks: list[Callback] = [
        EpochSeed(recipe.seed),
        ResumableEarlyStopping("val_loss", patience=patience, check_on_train_epoch_end=True),
        record,
        SelectRecords(selector),
        EpochReport(record, recipe.patience),
    ]
    return callbacks if resume is None else [*callbacks, ResumePoint(resume)]
