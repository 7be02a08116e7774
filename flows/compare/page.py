"""comparison.html and comparison.csv: what a comparison found, on one page without links outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows.compare.cells import CLEAN
from flows.compare.figures import comparison_figures, pictures
from flows.compare.ledger import FinishedCell
from flows.compare.scores import HeldOutRecords, compare_arms, conclusion
from flows.compare.tables import (
    class_table,
    detection_table,
    result_table,
    selection_table,
    settings_table,
    terminal_rows,
    won_back,
)
from flows.report.figures import Picture
from flows.report.page import render
from flows.report.result_table import ResultTable
from flows.report.texts import folds
from flows.workspace import Workspace

PAGE = "comparison.html"
TABLE = "comparison.csv"


@dataclass(frozen=True)
class ComparisonContent:
    """All that the page shows."""

    name: str
    simulated: bool
    summary: tuple[str, ...]
    conclusions: tuple[str, ...]
    missing: tuple[str, ...]
    tables: tuple[ResultTable, ...]
    pictures: tuple[Picture, ...]
    settings: ResultTable


def write_comparison(
    folder: Path, cells: Sequence[FinishedCell], place: Workspace, missing: Sequence[str]
) -> Path:
    """Write the page and the table of a comparison's finished cells to its folder; returns the page.

    Raises InputError when a cell is of other test records.
    """
    params = place.params()
    reference = params.compare.reference
    scores = compare_arms(cells, HeldOutRecords.of(place), params.compare, reference)
    tables = [result_table(scores, reference), class_table(scores), selection_table(cells)]
    if (detected := detection_table(cells)) is not None:
        tables.append(detected)
    content = ComparisonContent(
        name=folder.name,
        simulated=params.cohort.simulated,
        summary=_summary(cells, place),
        conclusions=conclusions(scores, reference),
        missing=tuple(missing),
        tables=tuple(tables),
        pictures=pictures(comparison_figures(cells, scores, reference, place), folder),
        settings=settings_table(cells),
    )
    _replace(folder / TABLE, scores.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    return _replace(folder / PAGE, render("comparison.html", content=content))


def show_comparison(cells: Sequence[FinishedCell], place: Workspace, console: Console) -> None:
    """Print the main table and what it says."""
    params = place.params()
    scores = compare_arms(cells, HeldOutRecords.of(place), params.compare, params.compare.reference)
    rows = terminal_rows(scores)
    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*row.values())
    console.print(table)
    for sentence in conclusions(scores, params.compare.reference):
        console.print(sentence, highlight=False)


def conclusions(scores: pd.DataFrame, reference: str) -> tuple[str, ...]:
    """A sentence for each arm that the reference can be set beside, and on contamination where there was any."""
    rows = [row for row in scores.to_dict("records") if row["arm"] not in (reference, CLEAN)]
    sentences = [
        conclusion({str(key): value for key, value in row.items()}, reference)
        for row in rows
        if pd.notna(row.get("f1_macro_difference"))
    ]
    return (*sentences, *won_back(scores, reference))


def _summary(cells: Sequence[FinishedCell], place: Workspace) -> tuple[str, ...]:
    if not cells:
        return ("Nothing is trained yet.",)
    cell = cells[0].content["cell"]
    seeds = sorted({own.seed for own in cells})
    split = place.params().split
    sentences = [
        f"Backbone {cell['backbone']}, seeds {', '.join(map(str, seeds))}; training on {folds(split.train)},"
        f" validation on {folds(split.validation)}, test on {folds(split.test)} together.",
        "Every arm has the same loss, optimiser, schedule by the share of the run that is over, and seeds; a fixed"
        " number of epochs, of which the one with the highest validation macro-F1 is kept; thresholds from validation.",
    ]
    beside = {own.content["cell"]["side_by_side"] for own in cells}
    if max(beside) > 1:
        sentences.append(
            f"Up to {max(beside)} trainings ran at a time, so wall times are longer than alone; processor times are"
            " nearer to what an arm costs."
        )
    if any(own.content["cell"]["contamination"] for own in cells):
        found = next(
            own.content["cell"]["contamination"] for own in cells if own.content["cell"]["contamination"]
        )
        sentences.append(
            f"{found['record_share']:.0%} of the training records had noise at {found['snr_db'][0]:g} to"
            f" {found['snr_db'][1]:g} dB, {found['label_share']:.0%} the labels of another record; the arm {CLEAN} was"
            " trained on the records as they are."
        )
    return tuple(sentences)


def _replace(file: Path, text: str) -> Path:
    scratch = file.with_name(f".{file.name}.part")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(file)
    return file
