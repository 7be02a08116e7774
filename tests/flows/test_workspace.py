"""Workspaces: making one, editing its parameters, refusing what cannot be one."""

import shutil
from pathlib import Path

import pytest
from bad_records import write_good_folder
from command_line import call

from flows.cli import main
from flows.workspace import COHORT_LINK, Workspace, create_workspace
from tasks.stages import SIMULATION_TRUTH
from veribeat.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders ptbxl and workspace, not to be changed: making a workspace takes a second."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "ptbxl").mkdir()
    write_good_folder(folder / "ptbxl")
    create_workspace(folder / "workspace", folder / "ptbxl")
    return folder


@pytest.fixture
def cohort(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made / "ptbxl", tmp_path / "ptbxl")


@pytest.fixture
def workspace(made: Path, cohort: Path, tmp_path: Path) -> Workspace:
    """A copy, for one test to change, on a copy of the data."""
    path = shutil.copytree(made / "workspace", tmp_path / "workspace", symlinks=True)
    (path / COHORT_LINK).unlink()
    (path / COHORT_LINK).symlink_to(cohort, target_is_directory=True)
    return Workspace.at(path)


def test_init_links_data_and_code_and_chooses_the_fast_recipe(made: Path) -> None:
    workspace, cohort = Workspace.at(made / "workspace"), made / "ptbxl"
    assert (workspace.path / "cohort").resolve() == cohort
    params = workspace.params()
    assert params.cohort.source == "ptbxl"
    assert params.arms["baseline"].preset == "fast"
    assert "code/tasks/ingest.py" in (workspace.path / "dvc.yaml").read_text()
    assert str(cohort) not in (workspace.path / "dvc.yaml").read_text()


def test_init_leaves_what_is_there_alone(workspace: Workspace, cohort: Path) -> None:
    before = workspace.params_file.read_text()
    with pytest.raises(InputError, match="exists already"):
        create_workspace(workspace.path, cohort)
    assert workspace.params_file.read_text() == before


def test_init_refuses_a_folder_that_is_not_ptbxl(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a PTB-XL folder"):
        create_workspace(tmp_path / "workspace", tmp_path)
    assert not (tmp_path / "workspace").exists()


def test_set_edits_the_file_and_keeps_its_comments(workspace: Workspace) -> None:
    assert workspace.set_params(["ingest.max_quarantined=0.2"]) == ["ingest.max_quarantined: 0.2"]
    assert workspace.params().ingest.max_quarantined == 0.2
    assert "# share of records" in workspace.params_file.read_text()


def test_set_can_add_an_arm(workspace: Workspace) -> None:
    workspace.set_params(["arms.residual={backbone: resnet1d, preset: crops, seed: 2}"])
    assert sorted(workspace.params().arms) == ["baseline", "erts", "residual"]
    assert workspace.params().arms["residual"].seed == 2
    assert "train-residual" in [stage.name for stage in workspace.stages()]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("arms.new={backbone: resnet1d}", "the key 'arms.new.preset' is missing"),
        ("arms.New={backbone: resnet1d, preset: crops, seed: 1}", "arms.New"),
        ("others.new=1", "no key 'others.new'"),
        ("ingest.max_quarantined=lots", "'ingest.max_quarantined' is 'lots'"),
        ("ingest.unknown=1", "no key 'ingest.unknown'"),
        ("ingest.max_quarantined", "not of the form"),
        ("split.test=[1]", "split.train"),
        ("split.test=[1", "not a YAML value"),
    ],
)
def test_a_bad_edit_changes_nothing(workspace: Workspace, assignment: str, words: str) -> None:
    before = workspace.params_file.read_text()
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        workspace.set_params(["calibrate.step=0.5", assignment])
    assert workspace.params_file.read_text() == before
    assert not list(workspace.path.glob("*.new"))


def test_a_damaged_pipeline_is_one_sentence_and_none_has_no_stages(workspace: Workspace) -> None:
    file = workspace.path / "dvc.yaml"
    assert "ingest" in workspace.written_stages()
    for content in ("", "stages", "a: [", "a: 1\n", "stages: 3\n"):
        file.write_text(content)
        with pytest.raises(InputError, match=r"dvc\.yaml is damaged: run 'veribeat dvc-yaml'"):
            workspace.written_stages()
    file.unlink()
    assert workspace.written_stages() == frozenset()


def test_simulated_records_cannot_pass_for_ptbxl(workspace: Workspace, cohort: Path) -> None:
    workspace.check_cohort()
    (cohort / SIMULATION_TRUTH).touch()
    with pytest.raises(InputError, match="leads to simulated records"):
        workspace.check_cohort()
    workspace.set_params(["cohort.source=simulated_folder"])
    workspace.check_cohort()


def test_the_name_of_a_folder_is_no_markup(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = create_workspace(tmp_path / "study[/b][red]", cohort)
    assert call("status", "--workspace", str(place.path)) == 0
    assert str(place.path) in capsys.readouterr().out


def test_the_command_says_one_sentence_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["veribeat", "status", "--workspace", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
