"""Stage `train-ARM`: train the arm's backbone to its early stop."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from numpy.typing import NDArray

from models.backbones.registry import build_backbone
from models.bundle import WEIGHTS
from models.runtime import make_deterministic
from models.selection.registry import build_strategy
from models.training import TrainingResult, is_helper
from tasks.file_names import LEARNT
from tasks.learning import ALONE, LearningData, learn
from tasks.params.reading import read_section
from tasks.params.selection import SelectionParams
from tasks.params.train import ArmParams, PresetParams, TrainParams
from tasks.parent import end_with
from tasks.stage import OUT, digest, loaded_code_digest, output_folder, resume_file, run, write_json
from veribeat.data.roles import check_not_learnt
from veribeat.errors import InputError


@dataclass(frozen=True)
class Training:
    """What stage `train-ARM` does: the folders that it reads, and its settings.

    `ingest` holds signals.npy and records.parquet, `split` learning.parquet and normalisation.json, `delineated` the
    outputs of stage `delineate` where the selection needs them. An arm that starts from a champion takes the weights
    and the list of records learnt from of the release in the folder `champion`; of these records it trains on
    `arm.replay`, and on all that are new.
    """

    ingest: Path
    split: Path
    arm: ArmParams
    preset: PresetParams
    selection: SelectionParams
    processes: TrainParams = ALONE
    delineated: Path | None = None
    champion: Path | None = None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that is read."""
        files = [
            self.ingest / "signals.npy",
            self.ingest / "records.parquet",
            self.split / "learning.parquet",
            self.split / "normalisation.json",
        ]
        if self.delineated is not None:
            files += [self.delineated / "beats.parquet", self.delineated / "windows.npy"]
        if self.champion is not None:
            files += [self.champion / WEIGHTS, self.champion / LEARNT]
        return tuple(files)

    def run(self, resume: Path | None = None) -> tuple[LearningData, TrainingResult]:
        """Train; a training that was interrupted goes on from the file `resume`.

        Raises InputError when the loss is no longer finite, or there is nothing to train on.
        """
        make_deterministic(self.preset.threads)
        data = LearningData.read(self.ingest, self.split)
        weights = None
        if self.champion is not None:
            weights = self.champion / WEIGHTS
            records = pd.read_parquet(self.ingest / "records.parquet", columns=["ecg_id", "patient_id"])
            learnt = pd.read_csv(self.champion / LEARNT)["ecg_id"].to_numpy()
            check_not_learnt(records, data.validation_rows, learnt, "validation records")
            ecg_ids = records["ecg_id"].to_numpy()
            data = data.only(replayed(ecg_ids[data.train_rows], learnt, self.arm.replay, self.arm.seed))
        result = learn(
            data,
            self.arm.backbone,
            self.preset,
            self.selection,
            self.arm.seed,
            self.delineated,
            resume,
            weights,
            self.processes,
        )
        return data, result

    def resume_key(self) -> str:
        """What a resume point must have been made from to be gone on from: inputs, parameters, code, environment."""
        versions = (sys.version, torch.__version__, lightning.__version__, np.__version__)
        environment = " ".join((*versions, torch.backends.cpu.get_cpu_capability()))
        sections = (self.arm, self.preset, self.selection, self.processes)
        texts = [section.model_dump_json() for section in sections]
        return digest(loaded_code_digest(), environment, *texts, *self.inputs)


def train(training: Training, out: Path, resume: Path | None = None) -> None:
    """Write model.pt (state dict of the best epoch), training.json and three tables.

    - history.csv: losses per epoch;
    - selection.csv: per epoch what was selected, and what the training had cost by then (`models.selection.record`);
    - samples.csv: per training record in how many epochs it was kept and dropped, and how difficult it was.

    Raises InputError as `Training.run` does.
    """
    data, result = training.run(resume)
    torch.save(result.best_state, out / "model.pt")
    result.history.to_csv(out / "history.csv", index=False)
    result.selection.to_csv(out / "selection.csv", index=False)
    samples = result.samples
    samples.insert(0, "row", data.train_rows)
    samples.to_csv(out / "samples.csv", index=False, float_format="%.4f")
    backbone = build_backbone(training.arm.backbone)
    write_json(
        out / "training.json",
        {
            "best_epoch": result.best_epoch,
            "effective_epochs": result.cost.effective_epochs,
            "epochs": len(result.history),
            "forward_equivalents": result.cost.forward_equivalents / result.cost.records,
            "parameters": sum(weights.numel() for weights in backbone.parameters()),
            "train_records": len(data.train_rows),
            "validation_loss": result.history.set_index("epoch")["val_loss"].loc[result.best_epoch],
            "validation_records": len(data.validation_rows),
        },
    )


def replayed(
    ecg_ids: NDArray[np.int64], learnt: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which of the records `ecg_ids` (n,) to train on: all that are not among `learnt`, and a share of those that are.

    Raises InputError when that leaves none.
    """
    old = np.flatnonzero(np.isin(ecg_ids, learnt))
    drawn = np.random.default_rng(seed).permutation(len(old))[: round(share * len(old))]
    kept = np.ones(len(ecg_ids), dtype=np.bool_)
    kept[old] = False
    kept[old[drawn]] = True
    if not kept.any():
        raise InputError("There is no new training record, and 'replay' is 0: there is nothing to train on.")
    return kept


def main() -> None:
    """Run the stage for the arm named on the command line."""
    name, *release = sys.argv[1:]
    arm = read_section(ArmParams, "arms", name)
    selection = read_section(SelectionParams, "selections", arm.selection)
    training = Training(
        OUT / "ingest",
        OUT / "split",
        arm,
        read_section(PresetParams, "presets", arm.preset),
        selection,
        read_section(TrainParams, "train"),
        OUT / "delineate" if selection.needs_beats else None,
        Path(*release) if release else None,
    )
    # So that their modules, too, are loaded and count.
    build_backbone(arm.backbone)
    build_strategy(selection.strategy, **selection.settings)
    stage = f"train-{name}"
    if is_helper(
        training.processes.devices
    ):  # the process that started it has the stage's folder, and writes
        end_with(os.getppid())
        training.run(resume_file(stage, training.resume_key()))
        return
    with output_folder(stage) as out:
        resume = resume_file(stage, training.resume_key())
        train(training, out, resume)
    # Only now are the outputs in place. A finished state must not stay: `dvc repro --force` would go on from it.
    resume.unlink()


if __name__ == "__main__":
    run(main)
