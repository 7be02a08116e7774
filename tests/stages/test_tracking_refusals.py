"""What the MLflow projection leaves out or refuses, and whose store it uses."""

import os
import shutil
from pathlib import Path

import pytest
from fabricated import RECORDS, Fabricated, client_of
from ruamel.yaml import YAML

from flows.tracking.environment import tracking_uri, ui_command, ui_environment
from tasks.stages import stages
from veribeat.errors import InputError


def test_an_arm_of_an_earlier_cohort_is_not_logged_as_one_of_this(workspace: Fabricated) -> None:
    lock = workspace.path / "dvc.lock"
    signals = workspace.md5("out/ingest/signals.npy")
    document = YAML(typ="safe").load(lock)
    for file in document["stages"]["ingest"]["outs"]:
        if file["md5"] == signals:
            file["md5"] = "f" * 32
    YAML().dump(document, lock)
    result = workspace.project()
    assert result.children == {}
    assert result.skipped == (workspace.arm,)
    assert client_of(result).get_run(result.parent_run).data.metrics["records"] == RECORDS


def test_simulated_results_are_never_logged_as_ptbxl(workspace: Fabricated) -> None:
    cohort = workspace.params.cohort.model_copy(update={"source": "ptbxl"})
    workspace.params = workspace.params.model_copy(update={"cohort": cohort})
    workspace.stages = stages(workspace.params)
    with pytest.raises(InputError, match="no results"):
        workspace.project()


def test_undefined_metrics_are_left_out_and_other_values_refused(workspace: Fabricated) -> None:
    metrics = workspace.file("calibrate", "metrics.json")
    metrics.write_text('{"test": {"calibrated": {"f1_macro": null, "f1_micro": 0.5}}}')
    workspace.write_lock()
    result = workspace.project()
    logged = client_of(result).get_run(result.children[workspace.arm]).data.metrics
    assert "test/calibrated/f1_macro" not in logged
    assert logged["test/calibrated/f1_micro"] == 0.5
    metrics.write_text('{"test": {"note": "good"}}')
    workspace.write_lock()
    with pytest.raises(InputError, match="test/note"):
        workspace.project()


def test_a_file_that_was_changed_by_hand_is_not_logged(workspace: Fabricated) -> None:
    with workspace.file("calibrate", "metrics.json").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"metrics\.json is not what dvc\.lock records"):
        workspace.project()
    workspace.file("calibrate", "metrics.json").unlink()
    with pytest.raises(InputError, match=r"metrics\.json is missing"):
        workspace.project()


@pytest.mark.parametrize("text", ["", "stages: [", "a: 1\n", "stages:\n  ingest: 3\n", "stages: {}\n"])
def test_a_damaged_or_empty_lock_is_one_sentence(workspace: Fabricated, text: str) -> None:
    (workspace.path / "dvc.lock").write_text(text)
    with pytest.raises(InputError, match="run the pipeline"):
        workspace.project()


def test_nothing_to_log_without_a_lock(workspace: Fabricated) -> None:
    (workspace.path / "dvc.lock").unlink()
    with pytest.raises(InputError, match=r"dvc\.lock: run the pipeline"):
        workspace.project()


def test_a_deleted_experiment_says_how_to_go_on(workspace: Fabricated) -> None:
    result = workspace.project()
    client_of(result).delete_experiment(result.experiment_id)
    with pytest.raises(InputError, match=f"restore --experiment-id {result.experiment_id}"):
        workspace.project()


def test_the_users_own_store_is_used(workspace: Fabricated, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(workspace.path / "mlflow", workspace.path / "elsewhere")
    uri = f"sqlite:///{workspace.path}/elsewhere/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(workspace.path)
    result = workspace.project()
    assert result.tracking_uri == uri == os.environ["MLFLOW_TRACKING_URI"]
    assert not (workspace.path / "mlflow" / "artifacts").exists()
    assert uri in ui_command(workspace.path, 5000)


def test_the_pages_are_served_from_the_store_on_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ui_command(tmp_path, 5000)
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert tracking_uri(tmp_path) in command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert ui_environment()["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    with pytest.raises(InputError, match=r"https://mlflow\.example"):
        ui_command(tmp_path, 5000)
