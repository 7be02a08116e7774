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
from tasks.params.train import ArmParams, ComputeParams, PresetParams
from tasks.stage import OUT, output_folder, run, write_json
from veribeat.conventions import SUPERCLASSES


def train(ingest: Path, split: Path, out: Path, arm: ArmParams, preset: PresetParams, threads: int) -> None:
    """Write model.pt (state dict of the best epoch), history.csv (losses per epoch) and training.json.

    `ingest` holds signals.npy and records.parquet, `split` learning.parquet and normalisation.json. Raises InputError
    when the loss is no longer finite.
    """
    make_deterministic(threads)
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
    result = fit(
        backbone,
        StoredSignals(signals, train_rows, targets[train_rows]),
        StoredSignals(signals, validation_rows, targets[validation_rows]),
        Recipe(**preset.model_dump(), seed=arm.seed),
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


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (name,) = sys.argv[1:]
    arm = read_section(ArmParams, "arms", name)
    preset = read_section(PresetParams, "presets", arm.preset)
    compute = read_section(ComputeParams, "compute")
    with output_folder(f"train-{name}") as out:
        train(OUT / "ingest", OUT / "split", out, arm, preset, compute.threads)


if __name__ == "__main__":
    run(main)
