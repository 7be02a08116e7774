"""The page of a release, from fabricated releases."""

import shutil
from pathlib import Path

import pytest
from checked_page import Page
from fabricated_releases import ODD, Kind, edit_params, make_release, write_evidence, write_json
from ruamel.yaml import YAML

from flows.provenance import file_digest
from flows.release.documents.writing import DOCUMENTS, write_documents
from flows.release.page import PAGE, write_release_page
from flows.release.tables import DIGITS
from veribeat.errors import InputError

HEADINGS = [
    "Summary",
    "Acceptance",
    "Scores",
    "Data",
    "Drift",
    "Excluded by the selection",
    "Provenance",
    "Files",
]


def made(folder: Path, kind: Kind, *, simulated: bool = False) -> Page:
    write_evidence(folder, kind, simulated=simulated)
    write_documents(folder)
    return Page(write_release_page(folder).read_text())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("update") / "release"
    made(folder, "update")
    return folder


@pytest.fixture
def page(release: Path) -> Page:
    return Page((release / PAGE).read_text())


def test_the_page_holds_every_part_in_order(release: Path) -> None:
    html = (release / PAGE).read_text()
    places = [html.index(f"<h2>{heading}</h2>") for heading in HEADINGS]
    assert places == sorted(places)
    assert "Simulated" not in html


def test_the_summary_tells_what_it_is_and_how_it_was_judged(page: Page) -> None:
    assert (
        "Release 0002 is the arm challenger: backbone cnn_gru_flow, preset update, selection erts_update"
        in page.text
    )
    assert (
        "Macro-F1 on the test records (folds 8, 10) is 0.7000 (0.680-0.720), macro-AUROC 0.7100" in page.text
    )
    assert "It is an update of release 0001. Reason: all limits are kept." in page.text
    assert (
        "It has learnt from 7 records, of folds 1-7; 2 records of the cohort were quarantined." in page.text
    )
    assert "Made on 2026-03-02 09:30 by commit 0123456789abcdef0123456789abcdef01234567." in page.text
    assert "sign" not in page.text


def test_it_links_to_the_documents(page: Page) -> None:
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert [link for link in links if not link.startswith("#")] == list(DOCUMENTS)


def test_tables_hold_what_the_files_hold(page: Page) -> None:
    assert page.cells("test")[:2] == ["40", "0.7000 (0.680-0.720)"]
    assert page.cells("fold 10")[:2] == ["40", "0.7000"]
    assert page.cells("f1_macro_loss") == [
        *("all", "0.7003", "0.7151", "+0.0149 (0.0063, 0.0232)", "-0.01", "yes")
    ]
    assert page.cells("excluded") == ["all", "", "0.3333", "", "0.5", "yes"]
    assert page.cells("HYP") == ["9", "0.6400", "0.6400", "0.6400", "0.6400", "0.34"]
    assert page.cells("sex: male")[:2] == ["25", "0.700 (0.710-0.720)"]
    assert page.cells("9")[:3] == ["validation, background", "29", "24"]
    assert page.cells("CS|12") == ["48"]
    assert page.cells("flat lead") == ["1"]
    assert page.cells("noise") == ["CS|12", "0.910", "<0.0001", f"0002-{ODD}"]
    assert page.cells(f"0002-{ODD}") == ["10", "8", "electrode off 1, leads swapped 1"]


def test_it_tells_what_the_selection_excluded(page: Page) -> None:
    assert "The selection erts_update excluded 2 of 6 training records (33.3%)" in page.text
    assert page.cells("3") == ["filtered", "3", "6", "3", "3"]


def test_it_shows_provenance_and_environment(page: Page) -> None:
    assert page.cells("code, dirty") == ["no"]
    assert page.cells("mlflow, run id") == ["abc123"]
    assert page.cells("versions differ") == ["torch 2.12.0 instead of 2.13.0"]
    assert page.cells("processor, name") == ["a <b>processor</b>"]


def test_it_lists_every_file_but_itself_with_its_digest(page: Page, release: Path) -> None:
    start = next(number for number, row in enumerate(page.rows) if row[0] == "file")
    shown = {row[0]: row[2] for row in page.rows[start + 1 :]}
    files = {path.relative_to(release).as_posix(): path for path in release.rglob("*") if path.is_file()}
    assert shown == {name: file_digest(path)[:DIGITS] for name, path in files.items() if name != PAGE}


def test_writing_it_again_changes_nothing(release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    (copy / "manifest.json").write_text("{}")
    before = (copy / PAGE).read_bytes()
    assert write_release_page(copy).read_bytes() == before


def test_a_release_by_hand_says_what_it_has_not(tmp_path: Path) -> None:
    page = made(tmp_path / "release", "by hand")
    assert "It was made by hand: no limit of acceptance was judged." in page.text
    assert "No limit of acceptance was judged." in page.text
    assert "No batch was screened for this release." in page.text
    assert page.cells("mlflow") == ["none"]


def test_what_params_leave_out_is_shown_as_it_holds(tmp_path: Path) -> None:
    """An arm as a user adds it, without the keys that have defaults."""
    folder = make_release(tmp_path / "release", "by hand")
    preset = YAML(typ="safe").load(folder / "params.yaml")["arms"]["baseline"]["preset"]
    edit_params(folder, arms__baseline={"backbone": "cnn_gru_flow", "preset": preset, "seed": 1})
    write_documents(folder)
    assert "**full** by default" in (folder / "model_card.md").read_text()
    assert "selection full, seed 1" in Page(write_release_page(folder).read_text()).text


def test_a_first_release_of_simulated_records_says_so(tmp_path: Path) -> None:
    page = made(tmp_path / "release", "first", simulated=True)
    assert "Simulated records." in page.text
    assert "It is the first release: no earlier one could be set beside it." in page.text
    assert page.cells("ece") == ["all", "", "0.0329", "", "0.05", "yes"]


def test_a_kind_that_is_not_known_is_refused(release: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    write_json(copy / "decision.json", {"kind": "rollback", "champion_before": None, "reason": ""})
    with pytest.raises(InputError, match="is of none of the kinds first, update, by hand"):
        write_release_page(copy)
