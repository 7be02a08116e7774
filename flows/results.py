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
from veribeat.data.published import beside_published
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
    published = place.params().cohort.source == "ptbxl"
    tables: list[ResultTable] = []
    records_file = place.path / "out" / "ingest" / "records.parquet"
    if records_file.is_file():
        tables.append(_cohort(place.path, pd.read_parquet(records_file), published=published))
    metrics = {}
    for arm in sorted(place.params().arms):
        file = place.path / "out" / f"calibrate-{arm}" / "metrics.json"
        if file.is_file():
            metrics[arm] = json.loads(file.read_text(encoding="utf-8"))
    if metrics:
        tables += [_scores(metrics, name, published=published) for name in _sets(metrics)]
        tables.append(_by_class(metrics))
    return tuple(tables)


def show_results(folder: Path, console: Console) -> None:
    """Print the tables of the workspace in `folder`."""
    place = Workspace.at(folder)
    for table in result_tables(place):
        shown = RichTable(*table.columns, title=table.title, title_justify="left")
        for column in shown.columns[1:]:
            column.justify = "right"
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    if place.params().cohort.source == "simulated":
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


def _sets(metrics: dict[str, Any]) -> list[str]:
    """The sets of records to show: each test fold, and all of them together."""
    return [name for name in next(iter(metrics.values())) if name != "validation"]


def _scores(metrics: dict[str, Any], records: str, *, published: bool) -> ResultTable:
    arms = list(metrics)
    count = metrics[arms[0]][records]["records"]
    # [CF]'s test set is fold 10 (its Table 5 counts 2,198 records), so only there is its column comparable.
    beside = published and records == "fold_10"
    rows: list[tuple[str, ...]] = []
    for block, paper in (("at_half", AT_HALF), ("calibrated", CALIBRATED)):
        when = "at 0.5" if block == "at_half" else "calibrated"
        for key, name in THRESHOLDED.items():
            own = [_number(metrics[arm][records][block][key]) for arm in arms]
            rows.append((f"{name}, {when}", *own, *([_number(paper.get(key))] if beside else [])))
    for block, names in (("ranking", RANKING), ("calibration", CALIBRATION)):
        for key, name in names.items():
            own = [_number(metrics[arm][records][block][key]) for arm in arms]
            rows.append((name, *own, *([""] if beside else [])))
    title = f"{records.replace('_', ' ').capitalize()}: {count} records"
    return ResultTable(title, ("metric", *arms, *(["[CF]"] if beside else [])), tuple(rows))


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
