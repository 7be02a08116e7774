"""What every stage shares: outputs that appear whole, and only where code and parameters stood still."""

import sys
import types
from pathlib import Path

import pytest
from pydantic import Field

import tasks.stage as stage
from tasks.params.reading import Section, read_section
from tasks.stages import CHOICES
from veribeat.errors import InputError


class _Knob(Section):
    knob: int = Field(ge=0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with code of its own, one module of which is loaded."""
    code = tmp_path / "code"
    for file in ("tasks/used.py", "tasks/unused.py", "constraints.txt"):
        (code / file).parent.mkdir(parents=True, exist_ok=True)
        (code / file).write_text("1\n")
    module = types.ModuleType("used")
    module.__file__ = str(code / "tasks/used.py")
    monkeypatch.setitem(sys.modules, "used", module)
    monkeypatch.setattr(stage, "CODE_ROOT", code)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("mine: {knob: 1}\nother: {knob: 1}\n")
    return tmp_path


def _run(place: Path, edit: Path | None = None, text: str = "2\n") -> None:
    read_section(_Knob, "mine")
    with stage.output_folder("made") as out:
        (out / "result").write_text("result")
        if edit:
            edit.write_text(text)


def test_outputs_appear_when_the_stage_has_ended(place: Path) -> None:
    _run(place)
    assert (place / "out/made/result").read_text() == "result"
    assert not (place / "scratch/made").exists()


@pytest.mark.parametrize("file", ["code/tasks/used.py", "code/constraints.txt"])
def test_code_edited_under_a_running_stage_stops_it(place: Path, file: str) -> None:
    with pytest.raises(InputError, match=f"{Path(file).name} was edited while this stage ran"):
        _run(place, edit=place / file)
    assert not (place / "out/made").exists()


def test_code_that_the_stage_does_not_use_may_be_edited(place: Path) -> None:
    _run(place, edit=place / "code/tasks/unused.py")
    assert (place / "out/made/result").exists()


def test_a_parameter_edited_under_a_running_stage_stops_it(place: Path) -> None:
    with pytest.raises(InputError, match="'mine' was edited while this stage ran"):
        _run(place, edit=place / "params.yaml", text="mine: {knob: 2}\nother: {knob: 1}\n")
    assert not (place / "out/made").exists()


def test_parameters_of_other_stages_may_be_edited(place: Path) -> None:
    _run(place, edit=place / "params.yaml", text="mine: {knob: 1}\nother: {knob: 5}\n")
    assert (place / "out/made/result").exists()


def test_a_resume_file_belongs_to_one_key_and_one_stage(place: Path) -> None:
    first = stage.resume_file("train-a", "k1")
    other = stage.resume_file("train-b", "k1")
    for file in (first, other):
        file.write_text("state")
    assert stage.resume_file("train-a", "k1") == first
    assert first.exists()
    second = stage.resume_file("train-a", "k2")
    assert second != first
    assert not first.exists()
    assert other.exists()


def test_the_digest_of_the_code_is_of_what_is_loaded_and_of_the_versions(place: Path) -> None:
    digests = [stage.loaded_code_digest()]
    for file in ("tasks/unused.py", "tasks/used.py", "constraints.txt"):
        (place / "code" / file).write_text("2\n")
        digests.append(stage.loaded_code_digest())
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_digest_depends_on_order_and_on_where_parts_end(place: Path) -> None:
    file = place / "params.yaml"
    digests = {
        stage.digest("ab", "c"), stage.digest("a", "bc"), stage.digest("c", "ab"), stage.digest("ab", "c", file)
    }  # fmt: skip
    assert len(digests) == 4


def test_a_module_without_a_file_of_its_own_is_nobodys_code(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch has one whose file is a bare name, which would seem to lie in the working folder."""
    module = types.ModuleType("pseudo")
    module.__file__ = "_classes.py"
    monkeypatch.setitem(sys.modules, "pseudo", module)
    monkeypatch.chdir(place / "code")
    (place / "code/params.yaml").write_text((place / "params.yaml").read_text())
    _run(place)
    assert stage.loaded_code_digest()


def test_registries_are_those_that_dvc_does_not_record() -> None:
    assert set(stage.REGISTRIES) == {f"{module.replace('.', '/')}.py" for module in CHOICES}
