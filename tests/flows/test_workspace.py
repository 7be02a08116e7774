"""Workspaces: making one, editing its parameters, refusing what cannot be one."""

import shlex
import shutil
from pathlib import Path

import pytest
from bad_records import write_good_folder
from command_line import call

from flows.cli import main
from flows.code_dependencies import CODE_ROOT
from flows.workspace import COHORT_LINK, Workspace, create_workspace
from tasks.params.reading import PARAMS_FILE
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


def test_only_the_arm_that_is_kept_can_be_explained(made: Path, tmp_path: Path) -> None:
    """Whatever the root's params.yaml, which a new workspace begins with, explains."""
    (tmp_path / ".dvc").mkdir()
    shutil.copyfile(CODE_ROOT / PARAMS_FILE, tmp_path / PARAMS_FILE)
    workspace = Workspace(tmp_path)
    workspace.set_params(["explain.witness=baseline", "explain.arm=erts"])
    workspace.keep_only("baseline")
    assert workspace.params().explain.arm == "baseline"


def test_init_on_real_records_begins_with_one_arm_and_no_witness(made: Path) -> None:
    workspace = Workspace.at(made / "workspace")
    params = workspace.params()
    assert (list(params.arms), params.explain.arm, params.explain.witness) == (["baseline"], "baseline", None)
    assert "train-erts" not in workspace.written_stages()
    text, root = (file.read_text() for file in (workspace.params_file, CODE_ROOT / PARAMS_FILE))
    assert "\n\ntrain:" in text
    assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in root.splitlines() if "#" in line
    ]


def test_init_on_simulated_records_has_all_arms_of_the_root(cohort: Path, tmp_path: Path) -> None:
    (cohort / SIMULATION_TRUTH).touch()
    params = create_workspace(tmp_path / "simulated", cohort).params()
    assert (sorted(params.arms), params.explain.witness) == (["baseline", "erts"], "erts")
    assert {arm.preset for arm in params.arms.values()} == {"short"}


def test_what_init_is_told_wins(cohort: Path, tmp_path: Path) -> None:
    told = (
        "arms.baseline.preset=paper",
        "arms.resnet1d={backbone: resnet1d, preset: crops, seed: 1}",
        "explain.witness=resnet1d",
    )
    params = create_workspace(tmp_path / "told", cohort, told).params()
    assert sorted(params.arms) == ["baseline", "resnet1d"]
    assert (params.arms["baseline"].preset, params.explain.witness) == ("paper", "resnet1d")
    with pytest.raises(InputError, match=r"an arm other than 'explain\.arm': there is none"):
        create_workspace(tmp_path / "wrong", cohort, ["explain.witness=erts"])


def _commands_of_readme() -> list[list[str]]:
    """Arguments of every `veribeat init` in README.md."""
    text = (CODE_ROOT / "README.md").read_text().replace("\\\n", " ")
    lines = [
        shlex.split(line, comments=True) for line in text.splitlines() if line.startswith("veribeat init ")
    ]
    return [line[2:] for line in lines]


@pytest.mark.parametrize("arguments", _commands_of_readme(), ids=lambda arguments: Path(arguments[0]).name)
def test_the_commands_of_readme_make_workspaces(arguments: list[str], cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    rest = arguments[arguments.index("--data") + 2 :]
    assert arguments[1] == "--data"
    assert call("init", str(folder), "--data", str(cohort), *rest) == 0
    arms = set(Workspace.at(folder).params().arms)
    expected = {"paper": {"baseline", "fast", "resnet1d"}, "benchmark": {"baseline", "resnet1d"}}
    assert arms == expected.get(Path(arguments[0]).name, arms)
    assert "erts" not in arms


def test_a_workspace_for_updates_has_an_inbox(cohort: Path, tmp_path: Path) -> None:
    assert call("init", str(tmp_path / "updates"), "--data", str(cohort), "--retrain") == 0
    assert not list((tmp_path / "updates" / "inbox").iterdir())
    assert call("init", str(tmp_path / "other"), "--data", str(cohort)) == 0
    assert not (tmp_path / "other" / "inbox").exists()


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
    assert sorted(workspace.params().arms) == ["baseline", "residual"]
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
