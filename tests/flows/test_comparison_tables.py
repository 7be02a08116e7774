"""Scores and tables of a comparison, from fabricated cells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated_cells import make_cell, scores_of
from numpy.typing import NDArray

from flows.compare.ledger import FinishedCell
from flows.compare.page import conclusions
from flows.compare.tables import (
    detection_table,
    result_table,
    selection_table,
    settings_table,
    won_back,
)
from flows.report.page import numeric_columns
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


def test_scores_are_means_over_seeds_and_differences_are_paired(
    cells: list[FinishedCell], compared: Workspace, targets: NDArray[np.bool_]
) -> None:
    scores = scores_of(cells, compared)
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


def test_costs_are_set_beside_the_references(cells: list[FinishedCell], compared: Workspace) -> None:
    scores = scores_of(cells, compared)
    assert scores.loc["full", ["effective_epochs", "forward_equivalents", "wall_minutes"]].tolist() == [
        3,
        9,
        60,
    ]
    assert scores.loc["best", ["effective_epochs", "forward_equivalents"]].tolist() == [2, 6]
    for name in ("forward_equivalents", "processor_minutes", "wall_minutes"):
        assert scores.loc["best", f"{name}_ratio"] == pytest.approx(2 / 3)


def test_an_arm_of_fewer_seeds_is_paired_on_those_that_both_have(
    cells: list[FinishedCell], compared: Workspace
) -> None:
    scores = scores_of(cells, compared)
    assert scores.loc["same", "seeds"] == scores.loc["same", "paired_seeds"] == 1
    assert scores.loc["best", "paired_seeds"] == 2
    first = [cell for cell in cells if cell.seed == 1]
    alone = scores_of(first, compared)
    assert scores.loc["same", "f1_macro_difference"] == alone.loc["same", "f1_macro_difference"]


def test_conclusions_are_made_from_the_numbers(cells: list[FinishedCell], compared: Workspace) -> None:
    scores = scores_of(cells, compared)
    by_arm = {line.partition(":")[0]: line for line in conclusions(scores.reset_index(), "full")}
    assert sorted(by_arm) == ["best", "same", "worst"]
    found, low, high = scores.loc[
        "best", ["f1_macro_difference", "f1_macro_difference_low", "f1_macro_difference_high"]
    ]
    assert by_arm["best"] == (
        f"best: {found:+.4f} ({low:+.4f} to {high:+.4f}) macro-F1 against full at 0.67 of its forward-equivalents"
        " and 0.67 of its processor time: better."
    )
    assert by_arm["worst"].endswith(": worse.")
    assert by_arm["same"].endswith(": not told apart. This is of the only seed that both have.")


def test_the_table_holds_quality_differences_and_all_three_costs(
    cells: list[FinishedCell], compared: Workspace
) -> None:
    scores = scores_of(cells, compared)
    table = result_table(scores.reset_index(), "full")
    row = dict(zip(table.columns, next(row for row in table.rows if row[0] == "best"), strict=True))
    best = scores.loc["best"]
    assert (
        row["macro-F1"] == f"{best['f1_macro']:.4f} ({best['f1_macro_low']:.3f}-{best['f1_macro_high']:.3f})"
    )
    assert row["difference to full"] == (
        f"{best['f1_macro_difference']:+.4f}"
        f" ({best['f1_macro_difference_low']:.4f}, {best['f1_macro_difference_high']:.4f})"
    )
    # 40 of 60 records trained on; the minutes of `make_cell` are 1 and 0.5 per record
    costs = ("effective epochs", "forward-equivalents, epochs", "processor minutes", "wall minutes")
    assert [row[name] for name in costs] == ["2.00", "2.00 (0.67)", "20.00 (0.67)", "40.00 (0.67)"]
    assert all(numeric_columns(table)[1:])
    assert "of what the means say" not in table.note
    assert table.note.endswith("the means say: 1 of same.")
    complete = result_table(scores.drop("same").reset_index(), "full")
    assert "deviate" not in complete.note


def test_shares_are_of_all_records_and_of_the_epochs_that_leave_some_out(
    tmp_path: Path, targets: NDArray[np.bool_], cells: list[FinishedCell]
) -> None:
    short = make_cell(tmp_path / "short", "short", 1, targets, skill=0.5, trained=(10, 10, 7))
    some = selection_table([*cells, short])
    by_arm = {row[0]: dict(zip(some.columns, row, strict=True)) for row in some.rows}
    assert "full" not in by_arm
    assert by_arm["short"]["kept"] == "0.450"  # (10 + 10 + 7) / 3 of 20
    assert (by_arm["best"]["epochs that select"], by_arm["best"]["kept"]) == ("2", "0.500")
    assert (by_arm["worst"]["dropped"], by_arm["worst"]["all-zero maps"]) == ("0.100", "0.2500")
    assert (by_arm["best"]["always dropped"], by_arm["best"]["all-zero maps"]) == ("", "")


def test_records_are_always_dropped_if_every_judgement_was_so(
    tmp_path: Path, targets: NDArray[np.bool_]
) -> None:
    cell = make_cell(tmp_path, "erts", 1, targets, skill=0.5, focused=True)
    cell.arrays["considered"][:4] = [3, 3, 3, 0]
    cell.arrays["dropped"][:4] = [3, 2, 3, 0]
    cell.arrays["kept"][5:] = 1
    table = selection_table([cell])
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["always dropped"], row["never kept"]) == ("0.100", "0.250")


def test_settings_that_differ_by_seed_are_all_shown(tmp_path: Path, targets: NDArray[np.bool_]) -> None:
    own = [make_cell(tmp_path, "matched", seed, targets, skill=0.5) for seed in (1, 2)]
    own[1].content["cell"]["preset"]["max_epochs"] = 7
    for cell in own:
        cell.content["cell"]["selection"] |= {"sizes": [20, 5, 9], "like": None}
    table = settings_table(own)
    settings = dict(table.rows)  # type: ignore[arg-type]
    assert settings["preset/max_epochs"] == "3; 7"
    assert settings["preset/batch_size"] == "8"
    assert settings["selection/sizes"] == "5 to 20"
    assert settings["seeds"] == "1, 2"
    assert "selection/like" not in settings  # nobody has it
    assert settings_table(own[:1]).note == ""
    assert table.note


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
        table = pd.DataFrame(
            {"arm": ["clean", "full", "erts", "pdd", "new"], "f1_macro": [clean, 0.7, 0.71, 0.69, 0.6]}
        )
        nothing = np.nan
        table["f1_macro_difference"] = [clean - 0.7, nothing, 0.012, -0.01, nothing]  # of the common seeds
        table["f1_macro_difference_low"] = [0, nothing, -0.001, -0.02, nothing]
        table["f1_macro_difference_high"] = [0, nothing, 0.02, -0.005, nothing]
        return table

    assert won_back(scores(0.73), "full") == (
        "Contamination cost full 0.0300 macro-F1.",
        "erts won back 0.0120 of it (difference -0.0010 to +0.0200).",
        "pdd lost another 0.0100 (difference -0.0200 to -0.0050).",
        "new has no seed that the reference has, too.",
    )
    (sentence,) = won_back(scores(0.715), "full")
    assert sentence.endswith("so what the others won back is not evaluable.")
    assert won_back(scores(0.73).iloc[1:], "full") == ()


def test_cells_of_other_records_are_refused(
    tmp_path: Path, compared: Workspace, targets: NDArray[np.bool_]
) -> None:
    cell = make_cell(tmp_path, "full", 1, targets[:-1], skill=0.5)
    with pytest.raises(InputError, match="is of other test records"):
        scores_of([cell], compared)
