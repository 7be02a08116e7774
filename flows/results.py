"""The results of a workspace as tables, for the terminal and for the page of a run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.data.published import MEAN_MV, STD_MV, TRAINING_RECORDS, beside_published
from veribeat.metrics.published import AT_HALF, CALIBRATED

THRESHOLDED = {
    "f1_macro": "macro-F1",
    "f1_micro": "micro-F1",
    "f1_weighted": "weighted F1",
    "jaccard": "Jaccard",
    "hamming_loss": "Hamming loss",
    "exact_match": "exact match",
}
RANKING = {"auroc_macro": "macro-AUROC", "auprc_macro": "macro-AUPRC"}
CALIBRATION = {"ece": "ECE", "brier": "Brier score"}


@dataclass(frozen=True)
class ResultTable:
    """A titled table of text cells; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def result_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """The cohort, the normalisation, and every calibrated arm on the test records, beside [CF] on PTB-XL.

    Stages that have not run leave their tables out.
    """
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
    metrics = {}
    for arm in sorted(place.params().arms):
        file = place.path / "out" / f"calibrate-{arm}" / "metrics.json"
        if file.is_file():
            metrics[arm] = json.loads(file.read_text(encoding="utf-8"))
    if metrics:
        tables += [_scores(metrics, published=published), _by_class(metrics)]
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
    if place.params().cohort.simulated:
        console.print("Simulated records: these figures say that the pipeline works, nothing about patients.")


def _cohort(folder: Path, records: pd.DataFrame, *, published: bool) -> ResultTable:
    quarantined = len(pd.read_csv(folder / "out" / "ingest" / "quarantine.csv"))
    title = f"Cohort: {len(records)} records, {quarantined} quarantined"
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


def _scores(metrics: dict[str, Any], *, published: bool) -> ResultTable:
    names = sorted({records for sets in metrics.values() for records in sets} - {"validation"})
    sets = [(arm, records) for records in names for arm in metrics if records in metrics[arm]]
    columns = [f"{arm}, {records.replace('_', ' ')}" for arm, records in sets]

    def row(name: str, block: str, key: str, paper: float | None = None) -> tuple[str, ...]:
        own = [_number(metrics[arm][records][block][key]) for arm, records in sets]
        return (name, *own, *([_number(paper)] if published else []))

    rows = [
        row(f"{name}, {when}", block, key, paper.get(key))
        for block, when, paper in (("at_half", "at 0.5", AT_HALF), ("calibrated", "calibrated", CALIBRATED))
        for key, name in THRESHOLDED.items()
    ]
    rows += [row(name, "ranking", key) for key, name in RANKING.items()]
    rows += [row(name, "calibration", key) for key, name in CALIBRATION.items()]
    records_of = {records: metrics[arm][records]["records"] for arm, records in sets}
    counts = ", ".join(f"{records.replace('_', ' ')} {count}" for records, count in records_of.items())
    # [CF]'s test set is fold 10: the percentages of its Table 5 are shares of 2,198 records.
    paper_column = ["[CF], fold 10"] if published else []
    return ResultTable(f"Held-out records: {counts}", ("metric", *columns, *paper_column), tuple(rows))


def _by_class(metrics: dict[str, Any]) -> ResultTable:
    rows: list[tuple[str, ...]] = []
    for arm, sets in metrics.items():
        test = sets["test"]
        for name in SUPERCLASSES:
            cells: Sequence[Any] = (
                test["calibrated"]["f1_by_class"][name],
                test["calibrated"]["precision_by_class"][name],
                test["calibrated"]["recall_by_class"][name],
                test["ranking"]["auroc_by_class"][name],
            )
            rows.append((f"{arm}, {name}", f"{test['positives'][name]}", *map(_number, cells)))
    return ResultTable(
        "Test, per superclass at calibrated thresholds",
        ("arm, superclass", "records", "F1", "precision", "recall", "AUROC"),
        tuple(rows),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
