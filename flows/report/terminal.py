"""The results of a workspace in the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from flows.report.cohort_tables import cohort_tables
from flows.report.explanation_tables import prototype_tables, summary_tables
from flows.report.result_table import ResultTable
from flows.report.score_tables import detail_tables, score_tables
from flows.workspace import Workspace


def result_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """The cohort, every calibrated arm on the test records, and prototypes and counterfactuals in short.

    On PTB-XL [CF]'s figures are beside ours. Stages that have not run leave their tables out; what is too long for a
    terminal is in the report alone.
    """
    return (
        *cohort_tables(place),
        *score_tables(place),
        *prototype_tables(place, place.params()),
        *summary_tables(place),
    )


def show_results(folder: Path, console: Console) -> None:
    """Print the tables of the workspace in `folder`."""
    place = Workspace.at(folder)
    for table in result_tables(place):
        console.print(f"\n{table.title}", highlight=False)
        shown = RichTable(*table.columns)
        for column in shown.columns[1:]:
            column.justify, column.overflow = "right", "fold"
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
        if table.note:
            console.print(table.note, highlight=False)
    if detail_tables(place):
        console.print("\nBy sex, age and device, and the commonest errors: report.html ('veribeat report').")
    if place.params().cohort.simulated:
        console.print("Simulated records: these figures say that the pipeline works, nothing about patients.")
