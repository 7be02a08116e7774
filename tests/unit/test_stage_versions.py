"""Which packages the stages of a workspace ran with, from its folders runs/ID."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.release.versions import StageVersions, versions_of_stages
from veribeat.errors import InputError

OLD, OTHER = "torch 2.12.0 instead of 2.13.0", "numpy 2.0.0 instead of 2.3.1"


def write_lock(folder: Path, **outputs: str) -> None:
    """A dvc.lock with one output for each stage, of this content."""
    folder.mkdir(parents=True, exist_ok=True)
    stages = {
        stage: {"cmd": stage, "outs": [{"path": f"out/{stage}", "md5": content}]}
        for stage, content in outputs.items()
    }
    (folder / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))  # JSON is YAML


def write_run(workspace: Path, run: str, ran: str, others: list[str], **outputs: str) -> Path:
    """A run in which the stages `ran`, a letter each, ran; the others were cached."""
    folder = workspace / "runs" / run
    write_lock(folder, **outputs)
    stages = [{"name": stage, "outcome": "ran" if stage in ran else "cached"} for stage in outputs]
    record = {"finished": f"2026-01-0{run[-1]} 12:00:00", "other_versions": others, "stages": stages}
    (folder / "run.json").write_text(json.dumps(record))
    return folder / "run.json"


def test_other_versions_are_those_of_the_runs_that_made_the_outputs(tmp_path: Path) -> None:
    write_lock(tmp_path, a="1", b="2")
    write_run(tmp_path, "run-1", "ab", [OLD], a="1", b="2")
    write_run(tmp_path, "run-2", "", [OTHER], a="1", b="2")  # everything was cached
    assert versions_of_stages(tmp_path, ["a", "b"]) == StageVersions((OLD,), ())
    write_run(tmp_path, "run-3", "b", [OTHER], a="1", b="2")
    assert versions_of_stages(tmp_path, ["a", "b"]).others == (OTHER, OLD)
    assert versions_of_stages(tmp_path, ["b"]).others == (OTHER,)
    write_run(tmp_path, "run-4", "ab", [], a="1", b="2")
    assert versions_of_stages(tmp_path, ["a", "b"]) == StageVersions((), ())


def test_a_later_run_to_other_outputs_does_not_count(tmp_path: Path) -> None:
    """Parameters that were changed and changed back: the outputs came from the cache."""
    write_lock(tmp_path, a="1")
    write_run(tmp_path, "run-1", "a", [OLD], a="1")
    write_run(tmp_path, "run-2", "a", [], a="2")
    assert versions_of_stages(tmp_path, ["a"]).others == (OLD,)


def test_stages_that_no_run_has_recorded_are_named(tmp_path: Path) -> None:
    write_lock(tmp_path, a="1", b="2")
    assert versions_of_stages(tmp_path, ["a", "b"]) == StageVersions((), ("a", "b"))
    write_run(tmp_path, "run-1", "a", [OLD], a="1")
    assert versions_of_stages(tmp_path, ["a", "b"]) == StageVersions((OLD,), ("b",))
    write_run(tmp_path, ".run-2", "b", [], b="2")  # cut off
    assert versions_of_stages(tmp_path, ["b"]).unrecorded == ("b",)


@pytest.mark.parametrize(
    "record",
    ["", "[]", "{}", {"other_versions": None}, {"stages": [{"name": "a"}]}, {"stages": ["a"]}, "no lock"],
)
def test_a_damaged_run_says_nothing(tmp_path: Path, record: Any) -> None:
    write_lock(tmp_path, a="1")
    file = write_run(tmp_path, "run-1", "a", [OLD], a="1")
    if record == "no lock":
        (file.parent / "dvc.lock").unlink()
    elif isinstance(record, str):
        file.write_text(record)
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | record))
    assert versions_of_stages(tmp_path, ["a"]) == StageVersions((), ("a",))


def test_without_a_lock_there_is_nothing_to_look_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the pipeline"):
        versions_of_stages(tmp_path, ["a"])
