"""The page of updates, from a fabricated ledger."""

from pathlib import Path

import pytest
from checked_page import Page
from fabricated import Fabricated
from fabricated_updates import make_update
from rich.console import Console

from flows.retrain.ledger import Decision
from flows.retrain.page import show_updates, write_retraining_page
from flows.workspace import Workspace

BAD_NAME = "batch <3> & more"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Fabricated.made_in(tmp_path)
    (workspace.path / ".dvc").mkdir()
    return Workspace.at(workspace.path)


@pytest.fixture
def filled(place: Workspace) -> Workspace:
    make_update(place.path, "first", Decision("0001", ()), judged=True)
    make_update(place.path, "update", Decision("0002", ()), "batch-01", champion="0001", judged=True)
    make_update(
        place.path,
        "update",
        Decision(None, ("ece of all is 0.1, and the limit 0.05",), ("batch-02",)),
        "batch-02",
        champion="0002",
        judged=True,
        drifted=True,
    )
    make_update(
        place.path, "update", Decision(None, ("it is no folder",), (BAD_NAME,)), BAD_NAME, champion="0002"
    )
    make_update(place.path, "rollback", Decision("0001", ("by hand",)), champion="0002")
    make_update(place.path, "update", None, "batch-03", champion="0001")
    for folder, name in (("inbox", "batch-03"), ("held", "0003-batch-02")):
        (place.path / folder / name).mkdir(parents=True)
    return place


def test_the_page_says_what_happened(filled: Workspace) -> None:
    text = write_retraining_page(filled).read_text()
    page = Page(text)
    shown = " ".join(page.texts)
    assert "Release 0001 is the champion" in shown
    assert "Updates so far: 6; accepted 2, refused 2, rolled back 1." in shown
    assert "Waiting in inbox/: batch-03" in shown
    assert "Held back in held/: 0003-batch-02" in shown
    assert "Update 0006 is unfinished" in shown
    assert "ece of all is 0.1" in shown
    assert BAD_NAME in shown
    assert "<3>" not in text
    assert "+0.0100 (-0.0020 to +0.0200)" in shown
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 3
    assert ["0003", "NORM", "all", "0.49", "1e-09"] in page.rows
    assert "Simulated records." in shown


def test_without_updates_the_page_says_so(place: Workspace) -> None:
    shown = " ".join(Page(write_retraining_page(place).read_text()).texts)
    assert "There is no champion yet." in shown
    assert "Updates so far: 0" in shown


def test_the_terminal_shows_a_row_per_update(filled: Workspace) -> None:
    console = Console(record=True, width=200)
    show_updates(filled, console)
    text = console.export_text()
    for word in ("0001", "0006", "unfinished", "batch-02"):
        assert word in text
