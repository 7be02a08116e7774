"""Stages that go on after a kill: which finished items count, and how long they are kept."""

import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from explained_cohort import ARM, make_sources
from pydantic import Field

from tasks import stage
from tasks.explained import Explained, Sources, resume_key, run_resumable
from tasks.params.reading import Section
from tasks.params.runner import read_runner
from veribeat.errors import InputError


class Knob(Section):
    knob: int = Field(ge=0)


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of an arm; not to be changed."""
    out = tmp_path_factory.mktemp("arm") / "out"
    make_sources(out)
    return out


@pytest.fixture
def place(arm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the outputs of an arm, and with code of its own, which the tests may edit."""
    (tmp_path / "code" / "tasks").mkdir(parents=True)
    (tmp_path / "code" / "constraints.txt").write_text("1\n")
    (tmp_path / "code" / "tasks" / "used.py").write_text("1\n")
    module = types.ModuleType("used")
    module.__file__ = str(tmp_path / "code" / "tasks" / "used.py")
    monkeypatch.setitem(sys.modules, "used", module)
    monkeypatch.setattr(stage, "CODE_ROOT", tmp_path / "code")
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("compute: {threads: 1}\n")
    Path("extra").write_text("extra")
    shutil.copytree(arm, "out")
    return tmp_path


def _key(threads: int = 1, knob: int = 1, files: tuple[str, ...] = ("extra",)) -> str:
    return resume_key(Sources.of_arm(ARM, threads), [Knob(knob=knob)], map(Path, files))


def _run(then: Callable[[], object] | None = None) -> list[str]:
    """Run a stage that notes each attempt in its file of finished items; return what an attempt found there."""
    found = []

    def write(out: Path, explained: Explained, resume: Path) -> None:
        found.append(resume.read_text() if resume.exists() else "")
        resume.write_text(found[-1] + "item ")
        (out / "records").write_text(str(len(explained.records)))
        if then:
            then()

    run_resumable("made", ARM, [Knob(knob=1)], write, [Path("extra")])
    return found


def _fail(failure: BaseException) -> None:
    raise failure


def _kept() -> list[str]:
    return [file.read_text() for file in Path("scratch").glob("*.resume*")]


def test_the_same_again_has_the_same_key(place: Path) -> None:
    assert _key() == _key()


def test_every_file_of_the_arm_and_the_code_count(place: Path) -> None:
    keys = {_key()}
    files = [file for file in sorted(Path("out").rglob("*")) if file.is_file()]
    assert len(files) == 6
    files += [Path("extra"), Path("code/tasks/used.py"), Path("code/constraints.txt")]
    for file in files:
        with file.open("ab") as content:
            content.write(b" ")
        keys.add(_key())
    assert len(keys) == 1 + len(files)


def test_threads_parameters_and_further_files_count(place: Path) -> None:
    Path("more").write_text("more")
    keys = {
        _key(),
        _key(threads=2),
        _key(knob=2),
        _key(files=()),
        _key(files=("more",)),
        _key(files=("extra", "more")),
    }
    assert len(keys) == 6


def test_finished_items_go_when_the_outputs_are_in_place(place: Path) -> None:
    assert _run() == [""]
    assert Path("out/made/records").read_text() == "60"
    assert _kept() == []
    assert _run() == [""]  # the same once more finds nothing finished


@pytest.mark.parametrize("failure", [InputError("bad"), MemoryError(), KeyboardInterrupt()])
def test_finished_items_stay_after_a_failure(place: Path, failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        _run(lambda: _fail(failure))
    assert not Path("out/made").exists()
    assert _kept() == ["item "]
    assert _run() == ["item "]
    assert _kept() == []


def test_finished_items_of_other_inputs_do_not_count(place: Path) -> None:
    with pytest.raises(MemoryError):
        _run(lambda: _fail(MemoryError()))
    Path("extra").write_text("other")
    assert _run() == [""]
    assert _kept() == []


def test_another_runner_in_mid_run_refuses_nothing(place: Path) -> None:
    def change() -> None:
        assert read_runner() == "local"
        Path("params.yaml").write_text("compute: {threads: 1}\nrunner: dask\n")

    assert _run(change) == [""]
    assert Path("out/made/records").exists()


@pytest.mark.parametrize("file", ["code/tasks/used.py", "params.yaml"])
def test_finished_items_go_when_the_stage_is_refused_because_of_an_edit(place: Path, file: str) -> None:
    text = "2\n" if file.endswith(".py") else "compute: {threads: 2}\n"
    with pytest.raises(InputError, match="was edited while this stage ran"):
        _run(lambda: Path(file).write_text(text))
    assert not Path("out/made").exists()
    assert _kept() == []
