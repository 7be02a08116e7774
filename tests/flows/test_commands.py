"""What a user types: each command's answer, and one sentence with exit code 2 for what is wrong."""

import re
import shutil
from pathlib import Path

import pytest
from checkout import Checkout
from command_line import call

from flows.cli import COMMANDS
from flows.dvc_engine import repair_after_kill
from models.bundle import Classifier
from veribeat.errors import InputError


def test_status_names_each_stage_and_shows_the_results(after_flow: Checkout) -> None:
    output = after_flow.veribeat("status").stdout
    for stage in after_flow.stages():
        (row,) = [line for line in output.splitlines() if f" {stage} " in line]
        assert "up to date" in row
    assert "macro-AUROC" in output
    assert "Simulated records" in output


def test_status_tells_what_changed_and_what_never_ran(done: Checkout) -> None:
    (done.path / "out/train-baseline/model.pt").unlink()
    file = done.path / "veribeat/metrics/thresholds.py"
    file.write_text(file.read_text() + "\n# an edit\n")
    output = done.veribeat("status").stdout
    assert "1 output deleted (out/train-baseline/model.pt)" in output
    assert "1 input modified (veribeat/metrics/thresholds.py)" in output
    params = (done.path / "params.yaml").read_text()
    arm = "  other:\n    backbone: cnn_gru_flow\n    preset: short\n    seed: 2\n"
    (done.path / "params.yaml").write_text(params.replace("arms:\n", f"arms:\n{arm}"))
    output = done.veribeat("status").stdout
    (row,) = [line for line in output.splitlines() if " train-other " in line]
    assert "not run yet" in row


def test_the_flow_writes_a_report_and_the_command_says_what_is_no_longer_up_to_date(done: Checkout) -> None:
    report = done.path / "report.html"
    page = report.read_text()
    assert "Not up to date" not in page
    (run,) = (done.path / "runs").iterdir()
    assert f'href="runs/{run.name}/index.html"' in page
    assert "of the workspace" in (run / "index.html").read_text()
    assert done.veribeat("report").stdout.strip() == str(report)
    # `done` is a copy in a folder of another name; nothing else may differ.
    assert report.read_text() == page.replace(">a checkout", f">{done.path.name}")
    file = done.path / "models/training.py"
    file.write_text(file.read_text() + "\n# an edit\n")
    done.veribeat("report")
    assert "train-baseline and calibrate-baseline belongs to earlier code" in report.read_text()


def test_export_takes_an_arm_that_is_up_to_date(after_flow: Checkout, tmp_path: Path) -> None:
    after_flow.veribeat("export", str(tmp_path / "model"))
    assert Classifier.load(tmp_path / "model").thresholds
    assert (tmp_path / "model/dvc.lock").read_text() == after_flow.lock()
    again = after_flow.veribeat("export", str(tmp_path / "model"), check=False)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    unknown = after_flow.veribeat("export", str(tmp_path / "other"), "--arm", "erts", check=False)
    assert (unknown.returncode, "no arm 'erts'" in unknown.stderr) == (2, True)


def test_export_refuses_an_arm_that_is_not(done: Checkout, tmp_path: Path) -> None:
    done.set_params("calibrate.step=0.25")
    refused = done.veribeat("export", str(tmp_path / "model"), check=False)
    assert refused.returncode == 2
    assert "Stage 'calibrate-baseline' is not up to date" in refused.stderr
    assert not list(tmp_path.glob("*model*"))


def test_export_asks_for_no_explanations(done: Checkout, tmp_path: Path) -> None:
    done.set_params("explain.arm=baseline")
    assert "not run yet" in done.veribeat("status").stdout
    done.veribeat("export", str(tmp_path / "model"))
    assert Classifier.load(tmp_path / "model").thresholds


@pytest.mark.slow
def test_export_takes_explanations_but_no_recordings(explained: Checkout, tmp_path: Path) -> None:
    explained.veribeat("export", str(tmp_path / "model"), "--explanations")
    names = {file.name for file in (tmp_path / "model/explanations").iterdir()}
    assert {"table_3.csv", "discussion.md", "prototypes.csv", "silhouettes.png", "rules.json"} <= names
    assert not any(name.endswith((".h5", ".parquet")) or name == "query.png" for name in names)
    explained.set_params("explain.arm=null")
    refused = explained.veribeat("export", str(tmp_path / "other"), "--explanations", check=False)
    assert (refused.returncode, "no explanation of it" in refused.stderr) == (2, True)


def test_a_simulated_folder_stays_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "synthetic", str(tmp_path / "cohort"), "--records", "40") == 0
    assert call("init", str(tmp_path / "w"), "--data", str(tmp_path / "cohort")) == 0
    assert "source: simulated_folder" in (tmp_path / "w/params.yaml").read_text()
    assert call("data", "synthetic", str(tmp_path / "cohort")) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "synthetic", "{tmp}/x", "--records", "200000"], "simulate.records"),
        (["data", "synthetic", "/proc/x/y"], "/proc/x"),
        (["init", "{tmp}/w", "--data", "{tmp}/nowhere"], "is not a PTB-XL folder"),
        (["run", "--workspace", "{tmp}"], "is not a workspace"),
        (["status", "--workspace", "{tmp}/nowhere"], "is not a workspace"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(*(argument.format(tmp=tmp_path) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1


def test_data_that_vanished_are_one_sentence(tmp_path: Path) -> None:
    cohort, workspace = tmp_path / "cohort", tmp_path / "w"
    assert call("data", "synthetic", str(cohort), "--records", "40") == 0
    assert call("init", str(workspace), "--data", str(cohort)) == 0
    shutil.rmtree(cohort)
    refused = Checkout(Path(__file__).parents[2]).veribeat("run", "--workspace", str(workspace), check=False)
    assert refused.returncode == 2
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert "bring the data back" in sentence
    assert "Traceback" not in refused.stderr


def test_a_lock_that_was_cut_off_goes_back_to_its_last_whole_state(done: Checkout) -> None:
    lock, kept = done.path / "dvc.lock", done.path / ".dvc/tmp/veribeat/dvc.lock"
    whole = lock.read_text()
    assert kept.read_text() == whole  # the flow has kept it
    lock.write_text(
        whole[: len(whole) // 2] + '\n"'
    )  # in the middle of a quoted word, wherever the half falls
    (done.path / ".dvc/tmp/rwlock").write_text('{"write": ')
    told: list[str] = []
    repair_after_kill(done.path, told.append)
    assert lock.read_text() == whole
    assert (done.path / "dvc.lock.damaged").is_file()
    assert len(told) == 2
    repair_after_kill(done.path, told.append)
    assert len(told) == 2


def test_a_merge_conflict_in_the_lock_is_left_to_its_owner(tmp_path: Path) -> None:
    conflict = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '3.0'\n>>>>>>> other\n"
    (tmp_path / "dvc.lock").write_text(conflict)
    with pytest.raises(InputError, match="merge conflict"):
        repair_after_kill(tmp_path, print)
    assert (tmp_path / "dvc.lock").read_text() == conflict


def test_help_lists_commands_under_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    output = capsys.readouterr().out
    headings = re.findall(r"^╭─ (.+?) ─+╮$", output, flags=re.MULTILINE)
    assert headings == ["Options", *COMMANDS]
    listed = set(re.findall(r"^│ ([a-z][a-z-]*)", output, flags=re.MULTILINE))
    assert listed == {name for commands in COMMANDS.values() for name in commands} | {"data", "rules"}
