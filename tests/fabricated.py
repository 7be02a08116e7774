"""A workspace as the pipeline leaves it, made without running a stage."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fabricated_chain import write_chain
from ruamel.yaml import YAML

from flows.tracking.context import RunContext
from flows.tracking.files import EXPLANATIONS
from flows.tracking.projection import ProjectionResult, project
from models.backbones.registry import build_backbone
from tasks.calibrate import calibrate
from tasks.params.calibrate import CalibrateParams
from tasks.params.document import Params, read_params
from tasks.stage_description import Stage
from tasks.stages import stages
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.data.card import data_card

CODE = Path(__file__).resolve().parents[1]
RECORDS = 60
CONTEXT = RunContext(None, "0123abc", {})
IN_FLOW = RunContext("11111111-2222-3333-4444-555555555555", "0123abc", {"ingest": 1.5}, git_dirty=True)


class Fabricated:
    """A workspace as the pipeline leaves it: random records, a model that has learnt nothing, and its explanations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.params: Params = read_params(path / "params.yaml")
        self.stages: tuple[Stage, ...] = stages(self.params)
        (self.arm,) = self.params.arms

    @classmethod
    def made_in(cls, path: Path) -> "Fabricated":
        document = YAML(typ="safe").load(CODE / "params.yaml")
        document["cohort"]["source"] = "simulated"
        document["arms"] = {"baseline": document["arms"]["baseline"]}
        document["explain"]["witness"] = None
        document["explain"]["arm"] = "baseline"
        YAML().dump(document, path / "params.yaml")
        workspace = cls(path)
        workspace._fill()
        return workspace

    @classmethod
    def copied(cls, original: Path, path: Path) -> "Fabricated":
        return cls(shutil.copytree(original, path))

    @property
    def chain(self) -> tuple[Stage, ...]:
        """The stages that explain the arm."""
        return tuple(stage for stage in self.stages if stage.name in EXPLANATIONS)

    def _fill(self) -> None:
        path, arm = self.path, self.arm
        for stage in self.stages:
            (path / str(stage.folder)).mkdir(parents=True)
        self._cohort()
        self._train()
        calibrate(
            *(path / "out" / name for name in ("ingest", "split", f"train-{arm}", f"calibrate-{arm}")),
            params=CalibrateParams(step=0.1),
            backbone="cnn_gru_flow",
            threads=1,
        )
        write_chain(self.chain, path, self.file("calibrate", "figures/roc.png"))
        self.write_lock()

    def _cohort(self) -> None:
        random = np.random.default_rng(1)
        out = self.path / "out"
        for file in ("ptbxl_database.csv", "scp_statements.csv", "simulation_truth.csv"):
            (out / "simulate" / file).write_text("x\n")
        (out / "simulate" / "records100").mkdir()
        shape = (RECORDS, RECORD_SAMPLES, len(LEADS))
        np.save(out / "ingest" / "signals.npy", random.integers(-900, 900, shape, dtype=np.int16))
        rows = np.arange(RECORDS)
        records = pd.DataFrame(
            {
                "ecg_id": rows + 1,
                "patient_id": rows + 1,
                "age": 60.0,
                "sex": np.int8(0),
                "device": "d",
                "fold": np.where(rows < 20, 1, np.where(rows < 40, 9, np.where(rows < 50, 8, 10))).astype(
                    "int8"
                ),
                **{name: (rows + i) % 3 == 0 for i, name in enumerate(SUPERCLASSES)},
            }
        )
        records.to_parquet(out / "ingest" / "records.parquet")
        (out / "ingest" / "card.json").write_text(json.dumps(data_card(records, [])))
        (out / "ingest" / "quarantine.csv").write_text("ecg_id,file,reason,detail\n")
        roles = records[["ecg_id", "patient_id", "fold"]].assign(
            row=rows, train=rows < 20, validation=(rows >= 20) & (rows < 40), test=rows >= 40
        )
        roles.to_parquet(out / "split" / "roles.parquet")
        roles[["row", "train", "validation"]].to_parquet(out / "split" / "learning.parquet")
        (out / "split" / "unused.csv").write_text("ecg_id,reason\n")
        (out / "split" / "normalisation.json").write_text('{"mean_mv": 0.0, "records": 20, "std_mv": 0.5}')

    def _train(self) -> None:
        folder = self.path / "out" / f"train-{self.arm}"
        torch.manual_seed(2)
        torch.save(build_backbone("cnn_gru_flow").state_dict(), folder / "model.pt")
        training = {"best_epoch": 1, "epochs": 3, "parameters": 41493, "validation_loss": 0.4}
        cost = {"effective_epochs": 3.0, "forward_equivalents": 9.0}
        (folder / "training.json").write_text(
            json.dumps({**training, **cost, "train_records": 20, "validation_records": 20})
        )
        selected = [f"{epoch},0,20,0,0,{epoch + 1}.0,{3 * epoch + 3}.0" for epoch in range(3)]
        columns = "epoch,candidates,kept,dropped,rescued,effective_epochs,forward_equivalents"
        (folder / "selection.csv").write_text("\n".join([columns, *selected, ""]))
        samples = pd.DataFrame(
            {"row": range(20), "kept": 3, "dropped": 0, "considered": 0, "difficulty": 0.4}
        )
        samples.to_csv(folder / "samples.csv", index=False)
        (folder / "history.csv").write_text("epoch,train_loss,val_loss\n0,0.7,0.6\n1,0.5,0.4\n2,0.3,0.5\n")

    def write_lock(self, *, without: tuple[str, ...] = ()) -> None:
        """dvc.lock as DVC would write it for the files that are there."""
        document = YAML(typ="safe").load(self.path / "params.yaml")
        made = {output: self.md5(output) for stage in self.stages for output in stage.outputs}
        entries = {}
        for stage in self.stages:
            if stage.name in without:
                continue
            entries[stage.name] = {
                "cmd": stage.command,
                "deps": [
                    {"path": path, "hash": "md5", "md5": made[path]} for path in stage.inputs if path in made
                ],
                "params": {"params.yaml": {key: _value(document, key) for key in stage.params}},
                "outs": [{"path": path, "hash": "md5", "md5": made[path]} for path in stage.outputs],
            }
        YAML().dump({"schema": "2.0", "stages": entries}, self.path / "dvc.lock")

    def md5(self, output: str) -> str:
        path = self.path / output
        return "0" * 32 + ".dir" if path.is_dir() else hashlib.md5(path.read_bytes()).hexdigest()

    def file(self, stage: str, name: str) -> Path:
        return self.path / "out" / f"{stage}-{self.arm}" / name

    def project(self, context: RunContext = CONTEXT) -> ProjectionResult:
        return project(self.path, self.params, self.stages, context)


def _value(document: Any, key: str) -> Any:
    for part in key.split("."):
        document = document[part]
    return document


def client_of(result: ProjectionResult) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(result.tracking_uri)


def everything(result: ProjectionResult) -> dict[str, Any]:
    """All runs with what they hold, to compare before and after."""
    runs = client_of(result).search_runs([result.experiment_id])
    return {run.info.run_id: run.to_dictionary() for run in runs}
