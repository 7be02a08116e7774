"""The MLflow projection, on a workspace fabricated without running a stage."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fabricated import CONTEXT, IN_FLOW, RECORDS, Fabricated, client_of, everything
from numpy.typing import NDArray

from flows.tracking.content import SUMMARY_METRICS
from flows.tracking.projection import ProjectionResult
from models.backbones.registry import build_backbone
from models.inference import predict_probabilities
from veribeat.conventions import SUPERCLASSES


def test_the_child_holds_what_the_stages_wrote(projected: tuple[Fabricated, ProjectionResult]) -> None:
    workspace, result = projected
    run = client_of(result).get_run(result.children[workspace.arm])
    arm = workspace.params.arms[workspace.arm]
    preset = workspace.params.presets[arm.preset]
    assert run.info.status == "FINISHED"
    assert run.data.params["arm/backbone"] == arm.backbone
    assert run.data.params["preset/learning_rate"] == str(preset.learning_rate)
    assert run.data.params["compute/threads"] == str(workspace.params.compute.threads)
    expected_tags = {
        "arm": workspace.arm,
        "seed": str(arm.seed),
        "cohort": "simulated",
        "git_sha": "0123abc",
        "git_dirty": "true",
        "dvc_lock": hashlib.sha256((workspace.path / "dvc.lock").read_bytes()).hexdigest(),
        "prefect_flow_run": IN_FLOW.prefect_flow_run,
        "mlflow.parentRunId": result.parent_run,
    }
    assert {key: run.data.tags.get(key) for key in expected_tags} == expected_tags
    assert run.data.metrics["training/best_epoch"] == 1
    metrics = json.loads(workspace.file("calibrate", "metrics.json").read_text())
    assert run.data.metrics["test/calibrated/f1_macro"] == metrics["test"]["calibrated"]["f1_macro"]
    assert (
        run.data.metrics["validation/ranking/auroc_by_class/MI"]
        == metrics["validation"]["ranking"]["auroc_by_class"]["MI"]
    )


def test_the_child_holds_the_bounds_of_its_summary_metrics_alone(
    projected: tuple[Fabricated, ProjectionResult],
) -> None:
    workspace, result = projected
    metrics = client_of(result).get_run(result.children[workspace.arm]).data.metrics
    table = pd.read_csv(workspace.file("calibrate", "intervals.csv"))
    row = table[(table["records"] == "test") & (table["metric"] == "f1_macro")].set_index("block")
    for end in ("low", "high"):
        assert metrics[f"test/calibrated/f1_macro_{end}"] == row.loc["calibrated", end]
    bounds = {name for name in metrics if name.endswith(("_low", "_high"))}
    assert bounds == {f"{name}_{end}" for name in SUMMARY_METRICS.values() for end in ("low", "high")}


def test_the_child_has_curves_files_and_the_dataset(projected: tuple[Fabricated, ProjectionResult]) -> None:
    workspace, result = projected
    client, run_id = client_of(result), result.children[workspace.arm]
    losses = [(point.step, point.value) for point in client.get_metric_history(run_id, "curves/val_loss")]
    assert losses == [(0, 0.6), (1, 0.4), (2, 0.5)]
    files = {
        file.path
        for folder in ("evaluation", "figures", "data")
        for file in client.list_artifacts(run_id, folder)
    }
    assert files >= {
        "evaluation/classifier.json",
        "evaluation/error_patterns.csv",
        "evaluation/intervals.csv",
        "evaluation/subgroups.csv",
        "evaluation/reliability.csv",
        "figures/loss.png",
        "figures/roc.png",
        "figures/reliability.png",
        "data/card.json",
    }
    (logged,) = client.get_run(run_id).inputs.dataset_inputs
    both = workspace.md5("out/ingest/signals.npy") + workspace.md5("out/ingest/records.parquet")
    assert logged.dataset.digest == hashlib.md5(both.encode()).hexdigest()
    assert json.loads(logged.dataset.profile)["records"] == RECORDS


def test_the_parent_compares_the_arms(projected: tuple[Fabricated, ProjectionResult]) -> None:
    workspace, result = projected
    parent = client_of(result).get_run(result.parent_run)
    child = client_of(result).get_run(result.children[workspace.arm])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags[f"child.{workspace.arm}"] == child.info.run_id
    assert parent.data.metrics[f"{workspace.arm}/f1_macro"] == child.data.metrics["test/calibrated/f1_macro"]
    assert parent.data.metrics["records"] == RECORDS
    assert parent.data.metrics["quarantined"] == 0
    assert parent.data.metrics["minutes/ingest"] == 1.5
    assert parent.data.params["split/validation"] == str(workspace.params.split.validation)


def test_the_experiment_has_the_workspaces_name_and_folder(
    projected: tuple[Fabricated, ProjectionResult],
) -> None:
    workspace, result = projected
    experiment = client_of(result).get_experiment(result.experiment_id)
    assert experiment.name == result.experiment == workspace.path.name
    assert experiment.artifact_location == (workspace.path / "mlflow" / "artifacts").as_uri()
    assert result.tracking_uri == f"sqlite:///{workspace.path}/mlflow/mlflow.db"
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_model_serves_in_a_process_of_its_own(
    projected: tuple[Fabricated, ProjectionResult], tmp_path: Path
) -> None:
    workspace, result = projected
    (model,) = client_of(result).search_logged_models([result.experiment_id])
    folder = Path(model.artifact_location.removeprefix("file://"))
    names = {file.suffix for file in folder.rglob("*")}
    assert not names & {".pkl", ".pickle", ".joblib"}
    required = (folder / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in required} == {"mlflow", "numpy", "pandas", "torch"}
    assert all("+" not in line for line in required)

    signals: NDArray[np.int16] = np.load(workspace.path / "out" / "ingest" / "signals.npy")
    np.save(tmp_path / "signals.npy", (signals / 1000).astype(np.float32))
    decoy = tmp_path / "models"  # a package of the same name in the working directory must not win
    decoy.mkdir()
    (decoy / "__init__.py").write_text("raise ImportError('the wrong models')\n")
    script = f"""
import os, sys
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import numpy as np, mlflow
model = mlflow.pyfunc.load_model({str(folder)!r})
table = model.predict(np.load("signals.npy"))
table.to_json("table.json", double_precision=15)
import models.bundle, veribeat.errors
assert models.bundle.__file__.startswith({str(folder)!r}), models.bundle.__file__
assert veribeat.errors.__file__.startswith({str(folder)!r}), veribeat.errors.__file__
assert not {{"pytorch_lightning", "tasks", "flows", "prefect"}} & set(sys.modules)
try:
    model.predict(np.full((1, 1000, 12), 500, dtype=np.float32))
except mlflow.exceptions.MlflowException as error:
    assert error.error_code == "INVALID_PARAMETER_VALUE" and "millivolts" in error.message, error
else:
    raise AssertionError("500 mV were accepted")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_json(tmp_path / "table.json")
    backbone = build_backbone("cnn_gru_flow")
    backbone.load_state_dict(torch.load(workspace.file("train", "model.pt"), weights_only=True))
    expected = predict_probabilities(backbone.eval(), signals, np.arange(RECORDS))
    np.testing.assert_allclose(table[list(SUPERCLASSES)], expected, atol=1e-6)
    assert list(table.columns) == [*SUPERCLASSES, "labels"]
    thresholds = json.loads(workspace.file("calibrate", "classifier.json").read_text())["thresholds"]
    first = [name for name in SUPERCLASSES if expected[0][SUPERCLASSES.index(name)] >= thresholds[name]]
    assert table["labels"].fillna("")[0] == ";".join(first)


def test_a_second_projection_changes_nothing(workspace: Fabricated) -> None:
    first = workspace.project(IN_FLOW)
    before = everything(first)
    second = workspace.project(IN_FLOW)
    assert first.logged == (workspace.arm,)
    assert second == replace(first, logged=())
    assert everything(second) == before


def test_another_run_points_to_the_arm_that_is_there(workspace: Fabricated) -> None:
    first = workspace.project(CONTEXT)
    second = workspace.project(IN_FLOW)
    assert second.parent_run != first.parent_run
    assert second.children == first.children
    assert second.logged == ()
    assert (
        client_of(second).get_run(second.parent_run).data.tags[f"child.{workspace.arm}"]
        == first.children[workspace.arm]
    )


def test_other_outputs_make_another_child(workspace: Fabricated) -> None:
    first = workspace.project()
    history = workspace.file("train", "history.csv")
    history.write_text(history.read_text() + "3,0.2,0.6\n")
    selection = workspace.file("train", "selection.csv")
    selection.write_text(selection.read_text() + "3,0,20,0,0,4.0,12.0\n")
    workspace.write_lock()
    second = workspace.project()
    assert second.logged == (workspace.arm,)
    assert second.children != first.children
    assert second.parent_run != first.parent_run
    assert len(everything(second)) == 4


def test_params_are_those_of_the_run_not_of_todays_file(workspace: Fabricated) -> None:
    preset = workspace.params.arms[workspace.arm].preset
    presets = {
        **workspace.params.presets,
        preset: workspace.params.presets[preset].model_copy(update={"patience": 99}),
    }
    workspace.params = workspace.params.model_copy(update={"presets": presets})
    result = workspace.project()
    run = client_of(result).get_run(result.children[workspace.arm])
    assert run.data.params["preset/patience"] != "99"


@pytest.mark.parametrize("step", ["log_curves", "log_files", "finish", "log_dataset"])
def test_a_crash_leaves_one_child_after_the_next_projection(
    workspace: Fabricated, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from flows.tracking.store import Store

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, step, crash)
        with pytest.raises(KeyboardInterrupt):
            workspace.project()
    result = workspace.project()
    runs = everything(result)
    assert set(runs) == {result.parent_run, result.children[workspace.arm]}
    assert {run["info"]["status"] for run in runs.values()} == {"FINISHED"}
    assert result.logged == (workspace.arm,)
    assert len(client_of(result).search_logged_models([result.experiment_id])) == 1


def test_on_a_shared_server_a_workspace_of_the_same_name_keeps_its_runs(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = shutil.copytree(pristine / "mlflow", tmp_path / "server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{server / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)  # where such a server's files go
    one, other = (Fabricated.copied(pristine, tmp_path / place / "study") for place in ("one", "other"))
    one.write_lock(without=(f"calibrate-{one.arm}",))
    partial = one.project()
    whole = other.project()
    assert partial.children[one.arm] in everything(whole)
    one.write_lock()
    assert one.project().children == whole.children  # the same outputs are shown once
    assert partial.children[one.arm] in everything(whole)  # nobody made another run of its own


def test_a_training_without_calibration_is_replaced_once_calibrated(workspace: Fabricated) -> None:
    workspace.write_lock(without=(f"calibrate-{workspace.arm}",))
    partial = workspace.project()
    run = client_of(partial).get_run(partial.children[workspace.arm])
    assert run.data.metrics["curves/val_loss"] == 0.5
    assert not any(name.startswith("test/") for name in run.data.metrics)
    workspace.write_lock()
    whole = workspace.project()
    children = [run for run in everything(whole).values() if "arm" in run["data"]["tags"]]
    assert [run["info"]["run_id"] for run in children] == [whole.children[workspace.arm]]
