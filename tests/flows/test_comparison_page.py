"""The page and tables of a comparison, from fabricated cells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checked_page import Page
from fabricated import Fabricated
from fabricated_cells import make_cell
from numpy.typing import NDArray
from rich.console import Console

from flows.compare.ledger import FinishedCell
from flows.compare.page import conclusions, show_comparison, write_comparison
from flows.compare.scores import HeldOutRecords, compare_arms
from flows.compare.tables import detection_table, won_back
from flows.workspace import Workspace
from veribeat.errors import InputError
from veribeat.metrics.classification import evaluate

FOUND = {
    "dropped_finds_noise": 0.81,
    "focus_finds_noise": 0.72,
    "difficulty_finds_noise": 0.6,
    "dropped_finds_flipped": 0.5,
    "focus_finds_flipped": 0.55,
    "difficulty_finds_flipped": 0.91,
    "candidates": 12,
    "candidates_noisy": 3,
    "candidates_flipped": 2,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Fabricated.made_in(tmp_path_factory.mktemp("compared"))
    (workspace.path / ".dvc").mkdir()
    return Workspace.at(workspace.path)


@pytest.fixture(scope="module")
def targets(place: Workspace) -> NDArray[np.bool_]:
    return HeldOutRecords.of(place).targets


@pytest.fixture
def cells(tmp_path: Path, targets: NDArray[np.bool_]) -> list[FinishedCell]:
    folder = tmp_path / "cells"
    return [
        *(make_cell(folder, "full", seed, targets, skill=0.4) for seed in (1, 2)),
        *(make_cell(folder, "best", seed, targets, skill=0.9, trained=(20, 10, 10)) for seed in (1, 2)),
        *(make_cell(folder, "worst", seed, targets, skill=0.1, focused=True) for seed in (1, 2)),
        make_cell(folder, "same", 1, targets, skill=0.4, trained=(20, 12, 20)),
    ]


def _scores(cells: list[FinishedCell], place: Workspace) -> pd.DataFrame:
    return compare_arms(cells, HeldOutRecords.of(place), place.params().compare, "full").set_index("arm")


def test_scores_are_means_over_seeds_and_differences_are_paired(
    cells: list[FinishedCell], place: Workspace, targets: NDArray[np.bool_]
) -> None:
    scores = _scores(cells, place)
    by_seed = {
        arm: [
            evaluate(cell.arrays["test"].astype(float), targets, np.full(5, 0.5))["calibrated"]["f1_macro"]
            for cell in cells
            if cell.arm == arm
        ]
        for arm in ("full", "best")
    }
    assert scores.loc["best", "f1_macro"] == pytest.approx(np.mean(by_seed["best"]))
    assert scores.loc["full", "f1_macro_seed_sd"] == pytest.approx(np.std(by_seed["full"], ddof=1))
    expected = np.mean(by_seed["best"]) - np.mean(by_seed["full"])
    assert scores.loc["best", "f1_macro_difference"] == pytest.approx(expected)
    assert scores.loc["best", "f1_macro_difference_low"] > 0
    assert np.isnan(scores.loc["full", "f1_macro_difference"])


def test_costs_are_set_beside_the_references(cells: list[FinishedCell], place: Workspace) -> None:
    scores = _scores(cells, place)
    assert scores.loc["full", ["effective_epochs", "forward_equivalents", "wall_minutes"]].tolist() == [
        3,
        9,
        60,
    ]
    assert scores.loc["best", ["effective_epochs", "forward_equivalents"]].tolist() == [2, 6]
    for name in ("forward_equivalents", "processor_minutes", "wall_minutes"):
        assert scores.loc["best", f"{name}_ratio"] == pytest.approx(2 / 3)


def test_an_arm_of_fewer_seeds_is_paired_on_those_that_both_have(
    cells: list[FinishedCell], place: Workspace
) -> None:
    scores = _scores(cells, place)
    assert scores.loc["same", "seeds"] == scores.loc["same", "paired_seeds"] == 1
    assert scores.loc["best", "paired_seeds"] == 2
    first = [cell for cell in cells if cell.seed == 1]
    alone = _scores(first, place)
    assert scores.loc["same", "f1_macro_difference"] == alone.loc["same", "f1_macro_difference"]


def test_conclusions_are_made_from_the_numbers(cells: list[FinishedCell], place: Workspace) -> None:
    sentences = conclusions(_scores(cells, place).reset_index(), "full")
    by_arm = {sentence.partition(":")[0]: sentence for sentence in sentences}
    assert sorted(by_arm) == ["best", "same", "worst"]
    assert by_arm["best"].endswith(
        "at 0.67 of its forward-equivalents and 0.67 of its processor time: better."
    )
    assert by_arm["worst"].endswith(": worse.")
    assert by_arm["same"].endswith(": not told apart.")


def test_the_page_holds_every_arm_and_fetches_nothing(
    cells: list[FinishedCell], place: Workspace, tmp_path: Path
) -> None:
    page = Page(write_comparison(tmp_path, cells, place, ["pdd, seed 2"]).read_text())
    assert next(row[1] for row in page.rows if row[0] == "best") == "2"
    text = page.text
    assert "pdd, seed 2 not trained yet" in text
    assert "Simulated records." in text
    assert "dropped most often" in text
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert table["arm"].tolist() == ["full", "best", "worst", "same"]
    assert not list(tmp_path.glob(".*"))


def test_the_same_cells_make_the_same_bytes(
    cells: list[FinishedCell], place: Workspace, tmp_path: Path
) -> None:
    first = write_comparison(tmp_path, cells, place, []).read_bytes()
    assert write_comparison(tmp_path, cells, place, []).read_bytes() == first


def test_the_terminal_shows_arms_and_conclusions(cells: list[FinishedCell], place: Workspace) -> None:
    console = Console(width=240, record=True)
    show_comparison(cells, place, console)
    shown = console.export_text()
    assert "best" in shown
    assert "not told apart" in shown


def test_detection_is_shown_where_records_were_contaminated(
    tmp_path: Path, targets: NDArray[np.bool_], cells: list[FinishedCell]
) -> None:
    assert detection_table(cells) is None
    found = [make_cell(tmp_path / "d", "erts", seed, targets, skill=0.5, detection=FOUND) for seed in (1, 2)]
    table = detection_table(found)
    assert table is not None
    assert dict(table.rows)["wrong labels, by difficulty"] == "0.910"  # type: ignore[arg-type]
    assert dict(table.rows)["candidates, noisy"] == "3"  # type: ignore[arg-type]


def test_what_was_won_back_is_evaluable_only_where_enough_was_lost() -> None:
    def scores(clean: float) -> pd.DataFrame:
        return pd.DataFrame({"arm": ["clean", "full", "erts"], "f1_macro": [clean, 0.7, 0.71]})

    assert won_back(scores(0.73), "full") == (
        "Contamination cost full 0.0300 macro-F1.",
        "erts won back +0.0100 of it.",
    )
    (sentence,) = won_back(scores(0.715), "full")
    assert sentence.endswith("so what the others won back is not evaluable.")
    assert won_back(scores(0.73).iloc[1:], "full") == ()


def test_cells_of_other_records_are_refused(
    tmp_path: Path, place: Workspace, targets: NDArray[np.bool_]
) -> None:
    cell = make_cell(tmp_path, "full", 1, targets[:-1], skill=0.5)
    with pytest.raises(InputError, match="is of other test records"):
        _scores([cell], place)
