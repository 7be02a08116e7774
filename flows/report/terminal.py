"""The results of a workspace as tables, for the terminal and for pages."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from flows.report.result_table import ResultTable
from flows.report.score_tables import score_tables
from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.data.published import MEAN_MV, STD_MV, TRAINING_RECORDS, beside_published


def result_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """The cohort, the normalisation, and every calibrated arm on the test records, beside [CF] on PTB-XL.

    Stages that have not run leave their tables out.
    """
    return (*cohort_tables(place), *score_tables(place))


def cohort_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """Labels and normalisation of the cohort, as far as `ingest` and `split` have run."""
    published = not place.params().cohort.simulated
    tables: list[ResultTable] = []
    records_file = place.path / "out" / "ingest" / "records.parquet"
    if records_file.is_file():
        tables.append(_cohort(place.path, pd.read_parquet(records_file), published=published))
    normalisation_file = place.path / "out" / "split" / "normalisation.json"
    if normalisation_file.is_file():
        tables.append(
            _normalisation(json.loads(normalisation_file.read_text(encoding="utf-8")), published=published)
        )
    return tuple(tables)


def show_results(folder: Path, console: Console) -> None:
    """Print the tables of the workspace in `folder`."""
    place = Workspace.at(folder)
    for table in result_tables(place):
        console.print(f"\n{table.title}", highlight=False)
        shown = RichTable(*table.columns)
        for column in shown.columns[1:]:
            column.justify = "right"
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        if table.note:
            console.print(table.note, highlight=False)
    if place.params().cohort.simulated:
        console.print("Simulated records: these figures say that the pipeline works, nothing about patients.")


def _cohort(folder: Path, records: pd.DataFrame, *, published: bool) -> ResultTable:
    quarantined = len(pd.read_csv(folder / "out" / "ingest" / "quarantine.csv"))
    title = f"Cohort: {len(records):,} records, {quarantined:,} quarantined"
    if published:
        beside = tuple(
            (
                row["labels"],
                f"{row['count']}",
                f"{row['percent']:.2f}",
                f"{row['published_count']}",
                f"{row['published_percent']:.2f}",
            )
            for row in beside_published(records)
        )
        return ResultTable(title, ("labels", "records", "%", "[CF] records", "[CF] %"), beside)
    counts = records[list(SUPERCLASSES)].sum()
    rows = tuple(
        (name, f"{counts[name]}", f"{100 * counts[name] / len(records):.2f}") for name in SUPERCLASSES
    )
    return ResultTable(title, ("superclass", "records", "%"), rows)


def _normalisation(own: dict[str, Any], *, published: bool) -> ResultTable:
    rows = [("this cohort", f"{own['records']}", f"{own['mean_mv']:.7f}", f"{own['std_mv']:.7f}")]
    if published:
        rows.append(("[CF] 4.2", f"{TRAINING_RECORDS}", f"{MEAN_MV:.7f}", f"{STD_MV:.7f}"))
    return ResultTable(
        "Normalisation, from the training folds", ("", "records", "mean, mV", "std, mV"), tuple(rows)
    )
