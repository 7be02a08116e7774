"""What a training learns from, read from the outputs of earlier stages."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from numpy.typing import NDArray

from models.backbones.registry import build_backbone
from models.batches import StoredSignals
from models.inference import load_backbone
from models.selection.beat_focus import RecordBeats
from models.selection.registry import build_strategy
from models.training import Recipe, TrainingResult, fit
from tasks.params.selection import SelectionParams
from tasks.params.train import PresetParams, TrainParams
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

ALONE = TrainParams(devices=1, strategy="auto")


@dataclass(frozen=True)
class LearningData:
    """Stored signals (N, 1000, 12) with the rows and targets of training and validation, and their statistics in mV.

    `train_signals` (n, 1000, 12), one per training row, stand in for the stored ones where they are not None.
    """

    signals: NDArray[np.int16]
    train_rows: NDArray[np.int64]
    train_targets: NDArray[np.bool_]
    validation_rows: NDArray[np.int64]
    validation_targets: NDArray[np.bool_]
    mean_mv: float
    std_mv: float
    train_signals: NDArray[np.int16] | None = None
    delineated_rows: NDArray[np.int64] | None = None
    """Rows of the training records before some were left out (`only`): those that stage `delineate` knows."""

    @property
    def stored_training(self) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Signals, and the rows of the training records in them."""
        if self.train_signals is None:
            return self.signals, self.train_rows
        return self.train_signals, np.arange(len(self.train_rows))

    def only(self, kept: NDArray[np.bool_]) -> "LearningData":
        """The same without the training records for which `kept` (n,) is false."""
        return replace(
            self,
            train_rows=self.train_rows[kept],
            train_targets=self.train_targets[kept],
            train_signals=None if self.train_signals is None else self.train_signals[kept],
            delineated_rows=self.train_rows if self.delineated_rows is None else self.delineated_rows,
        )

    @classmethod
    def read(cls, ingest: Path, split: Path) -> "LearningData":
        """From `ingest` with signals.npy and records.parquet, `split` with learning.parquet and normalisation.json."""
        targets = pd.read_parquet(ingest / "records.parquet", columns=list(SUPERCLASSES)).to_numpy(dtype=bool)
        learning = pd.read_parquet(split / "learning.parquet")
        train, validation = (
            learning.loc[learning[role], "row"].to_numpy(dtype=np.int64) for role in ("train", "validation")
        )
        normalisation = json.loads((split / "normalisation.json").read_text(encoding="utf-8"))
        return cls(
            np.load(ingest / "signals.npy", mmap_mode="r"),
            train,
            targets[train],
            validation,
            targets[validation],
            normalisation["mean_mv"],
            normalisation["std_mv"],
        )


def learn(
    data: LearningData,
    backbone_name: str,
    preset: PresetParams,
    selection: SelectionParams,
    seed: int,
    delineated: Path | None,
    resume: Path | None = None,
    weights: Path | None = None,
    processes: TrainParams = ALONE,
) -> TrainingResult:
    """Train a backbone by a preset, on the records that a selection keeps.

    It begins with `weights`, whose normalisation stays, or else freshly initialised. `delineated` is the folder of
    stage `delineate`, where the selection needs beats. The process was made deterministic with the preset's threads.
    Several `processes` end with the same result, which one of them should write (`models.training.is_helper`).
    Raises InputError when the loss is no longer finite.
    """
    lightning.seed_everything(seed, verbose=False)
    if weights is None:
        backbone = build_backbone(backbone_name)
        backbone.normalise.set_statistics(data.mean_mv, data.std_mv)
    else:
        backbone = load_backbone(backbone_name, weights).train()
    beats = None if delineated is None else read_beats(delineated, data)
    return fit(
        backbone,
        StoredSignals(*data.stored_training, data.train_targets, preset.crop_samples),
        StoredSignals(data.signals, data.validation_rows, data.validation_targets),
        Recipe(
            **preset.model_dump(exclude={"crop_samples", "threads"}),
            seed=seed,
            devices=processes.devices,
            lightning_strategy=processes.strategy,
        ),
        resume,
        build_strategy(selection.strategy, **selection.settings),
        beats,
    )


def read_beats(delineated: Path, data: LearningData) -> RecordBeats:
    """Windows and R-peaks of the training records, from the folder of stage `delineate`.

    Raises InputError when the folder is of other records.
    """
    beats = pd.read_parquet(delineated / "beats.parquet", columns=["row", "r_peak"])
    windows = np.load(delineated / "windows.npy")
    rows = data.train_rows if data.delineated_rows is None else data.delineated_rows
    position = pd.Index(rows).get_indexer(pd.Index(beats["row"]))
    if len(windows) != len(rows) or (position < 0).any():
        raise InputError(f"{delineated} is of other training records: run stage 'delineate' again.")
    number = beats.groupby("row").cumcount().to_numpy()
    peaks = np.full((len(rows), int(number.max(initial=0)) + 1), -1, dtype=np.int16)
    peaks[position, number] = beats["r_peak"]
    places = np.searchsorted(rows, data.train_rows)
    return RecordBeats(torch.from_numpy(windows[places]), torch.from_numpy(peaks[places]))
