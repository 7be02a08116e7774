"""What every stage of the explanation chain starts from: the cohort, its roles, and the classifier to be explained."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import BaseModel

from models.black_box import black_box
from models.bundle import Classifier
from models.inference import predict_probabilities
from models.runtime import make_deterministic
from tasks.params.reading import read_section
from tasks.params.train import ComputeParams
from tasks.stage import OUT, digest, loaded_code_digest, output_folder, resume_file
from veribeat.black_box import DifferentiableModel
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.thresholds import predict_labels
from veribeat.prototypes.candidates import are_candidates
from veribeat.signal.stored_units import StoredMillivolts, from_units


@dataclass(frozen=True)
class Sources:
    """Where the files of one arm are, and the threads to apply its model with."""

    ingest: Path
    split: Path
    trained: Path
    calibrated: Path
    threads: int

    @classmethod
    def of_arm(cls, arm: str, threads: int, out: Path = OUT) -> "Sources":
        """Those of the workspace whose stages write to `out`; the one in the current folder by default."""
        return cls(out / "ingest", out / "split", out / f"train-{arm}", out / f"calibrate-{arm}", threads)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that an `Explained` reads."""
        return (
            self.ingest / "signals.npy",
            self.ingest / "records.parquet",
            self.split / "roles.parquet",
            self.split / "normalisation.json",
            *self.of_classifier,
        )

    @property
    def of_classifier(self) -> tuple[Path, Path]:
        """Weights and thresholds."""
        return self.trained / "model.pt", self.calibrated / "classifier.json"


@dataclass(frozen=True)
class Explained:
    """A cohort and the classifier whose predictions on it are to be explained."""

    sources: Sources
    signals: NDArray[np.int16]  # (N, 1000, 12), a memory map
    records: pd.DataFrame  # ecg_id and one column per superclass, in the order of the signals
    roles: pd.DataFrame  # the roles of the folds, in the same order
    classifier: Classifier

    @classmethod
    def load(cls, sources: Sources) -> "Explained":
        """Load what `sources` name, and settle torch's numerics for this process.

        Raises:
            InputError: a file is missing or damaged, or the files are of different cohorts.
        """
        make_deterministic(sources.threads)
        signals = np.load(sources.ingest / "signals.npy", mmap_mode="r")
        records = pd.read_parquet(sources.ingest / "records.parquet", columns=["ecg_id", *SUPERCLASSES])
        roles = pd.read_parquet(sources.split / "roles.parquet")
        if not len(signals) == len(records) == len(roles) or not records["ecg_id"].equals(roles["ecg_id"]):
            raise InputError(
                "The signals, records and roles are not of the same cohort; run ingest and split again."
            )
        classifier = Classifier.load(sources.calibrated, sources.trained / "model.pt")
        return cls(sources, signals, records, roles, classifier)

    @cached_property
    def normalisation(self) -> dict[str, float]:
        """mean_mv and std_mv of the training folds."""
        content = (self.sources.split / "normalisation.json").read_text(encoding="utf-8")
        return {key: float(json.loads(content)[key]) for key in ("mean_mv", "std_mv")}

    @cached_property
    def black_box(self) -> DifferentiableModel:
        """The classifier as explanation methods see it."""
        return black_box(self.classifier.backbone, np.array(self.classifier.thresholds))

    def rows(self, role: str) -> NDArray[np.int64]:
        """Positions of the records with `role`, ascending."""
        rows: NDArray[np.int64] = self.roles.loc[self.roles[role], "row"].to_numpy(dtype=np.int64)
        return rows

    def ecg_ids(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ecg_id of each of `rows`."""
        return self.records["ecg_id"].to_numpy(dtype=np.int64)[rows]

    def signals_mv(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Signals (len(rows), 1000, 12) in mV."""
        return from_units(self.signals[rows])

    def stored_mv(self, role: str) -> StoredMillivolts:
        """Signals of the records with `role` in mV, of which only those that are asked for are in memory."""
        return StoredMillivolts(self.signals, self.rows(role))

    def true_labels(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Label sets (len(rows), 5) as recorded."""
        labels: NDArray[np.bool_] = self.records[list(SUPERCLASSES)].to_numpy(dtype=bool)[rows]
        return labels

    def probabilities(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probabilities (len(rows), 5)."""
        return predict_probabilities(self.classifier.backbone, self.signals, rows)

    def predicted_labels(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Label sets (len(rows), 5) as predicted."""
        return predict_labels(self.probabilities(rows), self.classifier.thresholds)

    def correctly_predicted(self, role: str) -> NDArray[np.int64]:
        """Rows of `role` that have labels, all of which and no others are predicted."""
        rows = self.rows(role)
        true = self.true_labels(rows)
        correct: NDArray[np.bool_] = true.any(axis=1) & (true == self.predicted_labels(rows)).all(axis=1)
        return rows[correct]

    def candidates(self) -> NDArray[np.int64]:
        """Rows of the pool with one superclass that is predicted, and nothing else ([CF] 4.7.1)."""
        rows = self.rows("pool")
        return rows[are_candidates(self.true_labels(rows), self.predicted_labels(rows))]


def run_resumable(
    stage: str,
    arm: str,
    params: Sequence[BaseModel],
    write: Callable[[Path, Explained, Path], None],
    files: Sequence[Path] = (),
) -> None:
    """Run a stage that keeps its finished items through a kill: `write` gets its folder, the arm and their file.

    `params` and `files` are what the items depend on besides the arm.
    """
    sources = Sources.of_arm(arm, read_section(ComputeParams, "compute").threads)
    finished: Path | None = None
    try:
        with output_folder(stage) as out:
            explained = Explained.load(sources)
            resume = resume_file(stage, resume_key(sources, params, files))
            write(out, explained, resume)
            finished = resume
    finally:
        # Finished items stay after a failure, but not once all are done: `dvc repro --force` would take them as they
        # are, and where the outputs were refused because code was edited meanwhile, some are of the edited code.
        if finished is not None:
            finished.unlink(missing_ok=True)


def resume_key(sources: Sources, params: Iterable[BaseModel], files: Iterable[Path]) -> str:
    """What finished items must have been made from to count: inputs, parameters, code, machine."""
    versions = (sys.version, torch.__version__, np.__version__, torch.backends.cpu.get_cpu_capability())
    settings = [section.model_dump_json() for section in params]
    return digest(
        loaded_code_digest(), " ".join(versions), str(sources.threads), *settings, *sources.files, *files
    )
