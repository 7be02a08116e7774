"""The report of a workspace and the page of a run: whole, safe, true to the outputs, plain about what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from checked_page import Page
from ruamel.yaml import YAML

from flows.dvc_engine import Outcome
from flows.provenance import GitState, RunRecord, StageRecord
from flows.report.page import MOST_RUNS, Content, numeric_columns, read_content, stale_stages, write_report
from flows.report.result_table import ResultTable
from flows.report.run_page import write_run_folder
from flows.status import NOT_RUN, UP_TO_DATE
from flows.tracking.files import EXPLANATIONS
from flows.tracking.projection import ProjectionResult
from flows.workspace import Workspace
from veribeat.errors import InputError
from veribeat.metrics.published import BENCHMARK_FOLDS

HOSTILE = """<img src=x onerror=alert(1)> & "it's" {{ 7 * 7 }}"""
SIMULATED = "Simulated records."


def report(place: Workspace, stale: tuple[str, ...] = (), content: Content | None = None) -> Page:
    return Page(write_report(place, content or read_content(place), stale).read_text(encoding="utf-8"))


def run(place: Workspace, run_id: str = "0a1b2c3d-run", content: Content | None = None) -> Path:
    children = {"baseline": "child0"}
    logged = ProjectionResult("sqlite:///x", "study", "1", "parent0", children, ("baseline",), ())
    stages = (
        StageRecord("ingest", Outcome.RAN, 1.25),
        StageRecord("calibrate-baseline", Outcome.CACHED, 0.01),
    )
    record = RunRecord(run_id, GitState("0123456789abcdef", dirty=True), stages, logged, ("torch 1.0",))
    return write_run_folder(place, record, content or read_content(place))


def edit_params(place: Workspace, edit: Any) -> None:
    document = YAML(typ="safe").load(place.params_file)
    edit(document)
    YAML().dump(document, place.params_file)


def on_ptbxl(document: dict[str, Any]) -> None:
    document["cohort"]["source"] = "ptbxl"


def test_headlines_are_those_of_metrics_json(place: Workspace) -> None:
    page = report(place)
    metrics = json.loads((place.path / "out/calibrate-baseline/metrics.json").read_text())
    for name, records in (("fold 10", "fold_10"), ("test (folds 8, 10)", "test")):
        f1, auroc = page.cells(f"baseline, {name}")
        assert f1.split(" (")[0] == f"{metrics[records]['calibrated']['f1_macro']:.4f}"
        assert auroc.split(" (")[0] == f"{metrics[records]['ranking']['auroc_macro']:.4f}"
        assert f1.endswith(")"), "no interval"
    assert page.cells("baseline")[:4] == ["cnn_gru_flow", "full", "41493", "20"]  # of the table of trainings
    assert page.cells("learning_rate") == ["0.01"]
    assert page.cells("8")[:3] == ["query, test", "10", "10"]  # fold 8: roles, records, patients


def test_the_banner_is_there_exactly_when_records_are_simulated(place: Workspace) -> None:
    for run_id, edit, simulated in (("one", None, True), ("two", on_ptbxl, False)):
        if edit:
            edit_params(place, edit)
        shown = read_content(place)
        assert (SIMULATED in report(place, content=shown).text) == simulated
        assert (SIMULATED in Page((run(place, run_id, shown) / "index.html").read_text()).text) == simulated


def test_published_scores_stand_beside_ptbxl_alone(place: Workspace) -> None:
    assert not [row for row in report(place).rows if row[0].startswith(("[CF]", "benchmark"))]
    edit_params(place, on_ptbxl)
    page = report(place)
    assert page.cells("[CF], fold 10") == ["0.7094", ""]
    assert not [row for row in page.rows if row[0].startswith("benchmark")], "another split"


def test_the_benchmark_stands_beside_arms_of_its_own_split(place: Workspace) -> None:
    def as_benchmark(document: dict[str, Any]) -> None:
        on_ptbxl(document)
        document["split"] |= {role: list(folds) for role, folds in BENCHMARK_FOLDS.items()}
        document["split"] |= {"query": [10]}

    edit_params(place, as_benchmark)
    page = report(place)
    assert page.cells("benchmark, fold 10") == ["", "0.930"]
    assert not [row for row in page.rows if row[0].startswith("baseline, test (")], "fold 10 once more"


def test_two_arms_are_set_side_by_side(place: Workspace) -> None:
    alone = sum(tag == "img" for tag, _ in report(place).tags)
    edit_params(place, lambda document: document["arms"].update(other=document["arms"]["baseline"]))
    page = report(place)
    assert "No results of train-other yet" in page.text
    assert "No results of calibrate-other yet" in page.text
    for stage in ("train", "calibrate"):
        shutil.copytree(place.path / f"out/{stage}-baseline", place.path / f"out/{stage}-other")
    page = report(place)
    assert "No results" not in page.text
    assert page.cells("backbone") == ["cnn_gru_flow", "cnn_gru_flow"]
    own_figures = (
        len(list(place.path.glob("out/calibrate-other/figures/*.png"))) - 1
    )  # losses share one figure
    assert sum(tag == "img" for tag, _ in page.tags) == alone + own_figures + 1  # and the headlines get one


def test_names_and_cells_cannot_bring_markup(fabricated_study: Path, tmp_path: Path) -> None:
    place = Workspace(shutil.copytree(fabricated_study, tmp_path / HOSTILE))
    quarantine = f'ecg_id,file,reason,detail\n1,a,flat lead,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'
    (place.path / "out/ingest/quarantine.csv").write_text(quarantine)
    shown = read_content(place)
    folder = run(place, content=shown)
    for page in (report(place, content=shown), Page((folder / "index.html").read_text())):
        assert page.text.count(HOSTILE) >= 3  # title, heading, cell
        assert all(attributes.get("src") != "x" for _, attributes in page.tags)


def test_before_any_stage_has_run(place: Workspace) -> None:
    shutil.rmtree(place.path / "out")
    page = report(place)
    for stage in ("ingest", "split", "train-baseline", "calibrate-baseline"):
        assert f"No results of {stage} yet: 'veribeat run' makes them." in page.text
    assert "No run of the pipeline has ended here yet." in page.text
    assert page.cells("max_epochs")
    assert all(tag != "img" for tag, _ in page.tags)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ingest/card.json", '{"records": '),
        ("split/normalisation.json", "[1]"),
        ("train-baseline/training.json", "\udcff"),
        ("calibrate-baseline/metrics.json", "{}"),
    ],
)
def test_a_damaged_output_is_one_sentence(place: Workspace, name: str, content: str) -> None:
    (place.path / "out" / name).write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match=rf"out/{name} is damaged: remove it, then .* 'dvc checkout'\.$"):
        read_content(place)


def test_the_same_state_gives_the_same_bytes(place: Workspace) -> None:
    run(place)
    write_report(place, read_content(place))
    first = (place.path / "report.html").read_bytes()
    write_report(place, read_content(place))
    assert (place.path / "report.html").read_bytes() == first
    assert not list(place.path.glob("*.new"))


def test_stages_made_from_stale_ones_are_stale(place: Workspace) -> None:
    fresh = {stage.name: UP_TO_DATE for stage in place.stages()}
    assert stale_stages(place, fresh) == ()
    changed = fresh | {"train-baseline": "1 input modified (models/training.py)"}
    assert stale_stages(place, changed) == ("train-baseline", "calibrate-baseline", *EXPLANATIONS)
    assert stale_stages(place, fresh | {"split": "changed command"})[0] == "split"
    assert stale_stages(place, fresh | {"rules": "1 parameter modified (rules.seed)"}) == ("rules", "report")
    shutil.rmtree(place.path / "out/calibrate-baseline")
    assert stale_stages(place, changed | {"calibrate-baseline": NOT_RUN}) == ("train-baseline", *EXPLANATIONS)


def test_the_page_names_stale_stages(place: Workspace) -> None:
    shown = read_content(place)
    assert "Not up to date" not in report(place, content=shown).text
    page = report(place, ("split", "train-baseline", "calibrate-baseline"), shown)
    assert (
        "what this page shows of split, train-baseline and calibrate-baseline belongs to earlier" in page.text
    )


def test_long_lists_are_cut_off_and_say_so(place: Workspace) -> None:
    rows = [f"{number},a.dat,flat lead,lead V5" for number in range(60)]
    (place.path / "out/ingest/quarantine.csv").write_text(
        "\n".join(["ecg_id,file,reason,detail", *rows]) + "\n"
    )
    page = report(place)
    assert sum(row[-1] == "lead V5" for row in page.rows) == 50
    assert "Quarantined: 60 records" in page.text
    assert "all are in out/ingest/quarantine.csv" in page.text
    assert "Without a role: 0 records." in page.text


def test_runs_are_listed_newest_first_with_their_scores(place: Workspace) -> None:
    shown = read_content(place)
    for number, day in ((1, "01"), (2, "03"), (3, "02")):
        folder = run(place, f"run{number}", shown)
        content = json.loads((folder / "run.json").read_text())
        content["finished"] = f"2026-01-{day} 12:00:00"
        (folder / "run.json").write_text(json.dumps(content))
    old = json.loads((place.path / "runs/run1/run.json").read_text())
    (place.path / "runs/old").mkdir()
    del old["finished"], old["scores"]
    (place.path / "runs/old/run.json").write_text(json.dumps(old))
    (place.path / "runs/.cut.partial").mkdir()
    (place.path / "runs/.cut.partial/run.json").write_text("{}")
    (place.path / "runs/damaged").mkdir()
    (place.path / "runs/damaged/run.json").write_text('{"run": ')
    page = report(place, content=shown)
    listed = [row for row in page.rows if row[0] in {"run1", "run2", "run3", "old", "damaged"}]
    assert [row[0] for row in listed] == ["run2", "run3", "run1", "old", "damaged"]
    scores = json.loads((place.path / "out/calibrate-baseline/metrics.json").read_text())["fold_10"]
    expected = [f"{scores['calibrated']['f1_macro']:.4f}", f"{scores['ranking']['auroc_macro']:.4f}"]
    first = ["run2", "2026-01-03 12:00:00", "baseline", "fold 10", *expected, "01234567, edited", "child0"]
    assert listed[0] == first
    assert "run.json is damaged" in listed[-1]
    assert not [row for row in page.rows if row[0].startswith(".")]
    targets = {attributes.get("href", "") for _, attributes in page.tags}
    assert "runs/run2/index.html" in targets


def test_a_long_list_of_runs_is_cut_off_and_says_so(place: Workspace) -> None:
    for number in range(MOST_RUNS):
        (place.path / f"runs/{number:03d}").mkdir(parents=True)
        (place.path / f"runs/{number:03d}/run.json").touch()
    assert "all are in runs/" not in report(place).text
    (place.path / "runs/more").mkdir()
    (place.path / "runs/more/run.json").touch()
    page = report(place)
    assert f"The first {MOST_RUNS}; all are in runs/." in page.text
    assert sum("run.json is damaged" in row for row in page.rows) == MOST_RUNS


@pytest.mark.parametrize(
    "content", ["{}", "null", "[1]", '{"git_sha": 1}', '{"git_sha": "", "mlflow": {"children": 3}}', "\udcff"]
)
def test_a_run_that_cannot_be_read_is_listed_as_damaged(place: Workspace, content: str) -> None:
    file = place.path / "runs/strange/run.json"
    file.parent.mkdir(parents=True)
    file.write_text(content, errors="surrogateescape")
    assert "run.json is damaged" in report(place).cells("strange")


def test_the_page_of_a_run_is_the_report_and_its_provenance(place: Workspace) -> None:
    shown = read_content(place)
    folder = run(place, content=shown)
    assert sorted(path.name for path in folder.iterdir()) == [
        "dvc.lock",
        "index.html",
        "params.yaml",
        "run.json",
    ]
    page = Page((folder / "index.html").read_text())
    assert page.cells("ingest") == ["ran", "1.25"]
    assert page.cells("calibrate-baseline") == ["cached", "0.01"]
    assert page.cells("git sha") == ["0123456789abcdef"]
    assert page.cells("other versions") == ["torch 1.0"]
    assert page.cells("mlflow run of baseline") == ["child0"]
    assert page.cells("baseline, fold 10") == report(place, content=shown).cells("baseline, fold 10")
    (link,) = [
        attributes["href"] for tag, attributes in page.tags if tag == "a" and "#" not in attributes["href"]
    ]
    assert (folder / link).resolve() == place.path / "report.html"


def test_numbers_are_set_flush_right_and_words_are_not() -> None:
    rows = (("1", "0.71 (0.68-0.73)", "", "1, 2"), ("2", "-0.0008", "", "none"))
    assert numeric_columns(ResultTable("t", ("a", "b", "c", "d"), rows)) == (True, True, False, False)
    assert numeric_columns(ResultTable("t", ("a", "b"), ())) == (False, False)
