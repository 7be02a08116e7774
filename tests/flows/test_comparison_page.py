"""The page of a comparison, from fabricated cells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checked_page import Page
from fabricated_cells import make_cell, scores_of
from numpy.typing import NDArray
from rich.console import Console

from flows.compare.figures import _most_dropped
from flows.compare.ledger import FinishedCell
from flows.compare.page import conclusions, show_comparison, write_comparison
from flows.workspace import Workspace


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, for tests of their words: drawing takes most of a page's time."""
    monkeypatch.setattr("flows.compare.page.comparison_figures", lambda *_: {})


def test_the_records_dropped_most_often_are_counted_over_all_seeds(
    cells: list[FinishedCell], compared: Workspace
) -> None:
    own = [cell for cell in cells if cell.arm == "worst"]
    found = _most_dropped(own, compared)
    assert [(record.ecg_id, record.dropped, record.considered) for record in found] == [(1, 4, 6), (2, 2, 6)]
    assert _most_dropped([cell for cell in cells if cell.arm == "full"], compared) == []


@pytest.mark.usefixtures("undrawn")
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, targets: NDArray[np.bool_], compared: Workspace
) -> None:
    alone = make_cell(tmp_path, "best", 2, targets, skill=0.9)
    (sentence,) = conclusions(scores_of([alone], compared).reset_index(), "full")
    assert sentence == "full is not trained yet, so that no arm can be set beside it."
    both = [make_cell(tmp_path, "full", 1, targets, skill=0.4), alone]
    (sentence,) = conclusions(scores_of(both, compared).reset_index(), "full")
    assert sentence == "best: not set beside full, which has no seed in common with it."
    assert write_comparison(tmp_path / "page", both, compared, []).is_file()


def test_the_page_holds_every_arm_and_fetches_nothing(
    cells: list[FinishedCell], compared: Workspace, tmp_path: Path
) -> None:
    page = Page(write_comparison(tmp_path, cells, compared, ["pdd, seed 2", "pdd, seed 3"]).read_text())
    assert next(row[1] for row in page.rows if row[0] == "best") == "2"
    text = page.text
    assert "pdd, seed 2; pdd, seed 3 not trained yet" in text
    assert "Simulated records." in text
    assert "dropped most often" in text
    assert "Epochs are fixed: 3. Kept is" in text
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert table["arm"].tolist() == ["full", "best", "worst", "same"]
    assert set(table["backbone"]) == {"cnn_gru_flow"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("undrawn")
def test_backbones_are_compared_apart(
    cells: list[FinishedCell], compared: Workspace, targets: NDArray[np.bool_], tmp_path: Path
) -> None:
    other = make_cell(tmp_path / "other", "full", 3, targets, skill=0.95)
    other.content["cell"]["backbone"] = "resnet1d"
    page = Page(write_comparison(tmp_path, [*cells, other], compared, []).read_text())
    assert "Results, cnn_gru_flow" in page.text
    assert "Results, resnet1d" in page.text
    table = pd.read_csv(tmp_path / "comparison.csv").set_index(["backbone", "arm"])
    assert (
        table["seeds"].to_dict() | {("cnn_gru_flow", "full"): 2, ("resnet1d", "full"): 1}
        == table["seeds"].to_dict()
    )
    alone = scores_of(cells, compared).loc["full", "f1_macro"]
    assert table.loc[("cnn_gru_flow", "full"), "f1_macro"] == pytest.approx(alone, abs=1e-6)


def test_a_page_without_cells_says_so(compared: Workspace, tmp_path: Path) -> None:
    page = Page(write_comparison(tmp_path / "new", [], compared, ["full, seed 1"]).read_text())
    assert "Nothing is trained yet." in page.text
    assert "full, seed 1 not trained yet" in page.text
    console = Console(width=100, record=True)
    show_comparison([], compared, console)
    assert console.export_text().strip() == "Nothing is trained yet."


@pytest.mark.usefixtures("undrawn")
def test_the_summary_tells_what_arms_do_not_share(
    tmp_path: Path, targets: NDArray[np.bool_], compared: Workspace
) -> None:
    def text(*own: FinishedCell) -> str:
        return Page(write_comparison(tmp_path / "page", own, compared, []).read_text()).text

    full, shorter, infobatch = (
        make_cell(tmp_path, arm, 1, targets, skill=0.5) for arm in ("full", "shorter", "infobatch")
    )
    assert "over, and loss." in text(full)
    assert "Not complete" not in text(full)
    shorter.content["cell"]["preset"]["max_epochs"] = 2
    assert "Epochs are fixed: 3, but 2 of shorter. Kept" in text(full, shorter)
    assert "same loss, which infobatch weights by record" in text(full, infobatch)
    shorter.content["cell"]["preset"]["batch_size"] = 4
    assert "Arms differ in more than that" in text(full, shorter)


def test_seeds_of_an_arm_may_differ_in_epochs(
    cells: list[FinishedCell], compared: Workspace, tmp_path: Path
) -> None:
    """As those of an arm that costs as much as another."""
    shorter = next(cell for cell in cells if (cell.arm, cell.seed) == ("worst", 2))
    shorter.content["epochs"].pop()
    page = Page(write_comparison(tmp_path, cells, compared, []).read_text())
    assert next(row[1] for row in page.rows if row[0] == "worst") == "2"


def test_of_contaminated_records_none_is_shown(
    cells: list[FinishedCell], compared: Workspace, tmp_path: Path
) -> None:
    """The cohort has them as they were."""
    for cell in cells:
        cell.content["cell"]["contamination"] = compared.params().compare.contamination.model_dump()
    page = Page(write_comparison(tmp_path, cells, compared, []).read_text())
    assert "dropped most often" not in page.text


def test_the_same_cells_make_the_same_bytes(
    cells: list[FinishedCell], compared: Workspace, tmp_path: Path
) -> None:
    first = write_comparison(tmp_path, cells, compared, []).read_bytes()
    assert write_comparison(tmp_path, cells, compared, []).read_bytes() == first


def test_the_terminal_shows_arms_and_conclusions(cells: list[FinishedCell], compared: Workspace) -> None:
    console = Console(width=240, record=True)
    show_comparison(cells, compared, console)
    shown = console.export_text()
    assert "best" in shown
    assert "not told apart" in shown
