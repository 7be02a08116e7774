"""Stage `train-ARM`: train the arm's backbone to its early stop."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch

from models.backbones.registry import build_backbone
from models.batches import StoredSignals
from models.runtime import make_deterministic
from models.training import Recipe, fit
from tasks.params.reading import read_section
from tasks.params.train import ArmParams, PresetParams
from tasks.stage import OUT, digest, loaded_code_digest, output_folder, resume_file, run, write_json
from veribeat.conventions import SUPERCLASSES


def train(
    ingest: Path, split: Path, out: Path, arm: ArmParams, preset: PresetParams, resume: Path | None = None
) -> None:
    """Write model.pt (state dict of the best epoch), history.csv (losses per epoch) and training.json.

    `ingest` holds signals.npy and records.parquet, `split` learning.parquet and normalisation.json. A training that was
    interrupted goes on from the file `resume`. Raises InputError when the loss is no longer finite.
    """
    make_deterministic(preset.threads)
    signals = np.load(ingest / "signals.npy", mmap_mode="r")
    targets = pd.read_parquet(ingest / "records.parquet", columns=list(SUPERCLASSES)).to_numpy(dtype=bool)
    learning = pd.read_parquet(split / "learning.parquet")
    train_rows, validation_rows = (
        learning.loc[learning[role], "row"].to_numpy(dtype=np.int64) for role in ("train", "validation")
    )
    normalisation = json.loads((split / "normalisation.json").read_text(encoding="utf-8"))

    lightning.seed_everything(arm.seed, verbose=False)
    backbone = build_backbone(arm.backbone)
    backbone.normalise.set_statistics(normalisation["mean_mv"], normalisation["std_mv"])
    recipe = preset.model_dump(exclude={"crop_samples", "threads"})
    result = fit(
        backbone,
        StoredSignals(signals, train_rows, targets[train_rows], preset.crop_samples),
        StoredSignals(signals, validation_rows, targets[validation_rows]),
        Recipe(**recipe, seed=arm.seed),
        resume,
    )

    torch.save(result.best_state, out / "model.pt")
    result.history.to_csv(out / "history.csv", index=False)
    write_json(
        out / "training.json",
        {
            "best_epoch": result.best_epoch,
            "epochs": len(result.history),
            "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
            "train_records": len(train_rows),
            "validation_loss": result.history["val_loss"].min(),
            "validation_records": len(validation_rows),
        },
    )


def _inputs_key(ingest: Path, split: Path, arm: ArmParams, preset: PresetParams) -> str:
    """What a resume point must have been made from to be gone on from: inputs, parameters, code and environment."""
    files = (
        ingest / "signals.npy",
        ingest / "records.parquet",
        split / "learning.parquet",
        split / "normalisation.json",
    )
    build_backbone(arm.backbone)  # so that its module, too, is loaded and counts
    versions = (sys.version, torch.__version__, lightning.__version__, np.__version__)
    environment = " ".join((*versions, torch.backends.cpu.get_cpu_capability()))
    return digest(loaded_code_digest(), environment, arm.model_dump_json(), preset.model_dump_json(), *files)


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (name,) = sys.argv[1:]
    arm = read_section(ArmParams, "arms", name)
    preset = read_section(PresetParams, "presets", arm.preset)
    ingest, split = OUT / "ingest", OUT / "split"
    stage = f"train-{name}"
    with output_folder(stage) as out:
        resume = resume_file(stage, _inputs_key(ingest, split, arm, preset))
        train(ingest, split, out, arm, preset, resume)
    # Only now are the outputs in place. A finished state must not stay: `dvc repro --force` would go on from it.
    resume.unlink()


if __name__ == "__main__":
    run(main)
