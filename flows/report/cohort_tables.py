"""The records of a workspace as tables: labels, normalisation, data card, and those that are not used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.workspace import Workspace
from tasks.params.document import Params
from tasks.params.split import SplitParams
from veribeat.conventions import SUPERCLASSES
from veribeat.data.published import MEAN_MV, STD_MV, TRAINING_RECORDS, beside_published

MOST_COMBINATIONS = 10
MOST_LISTED = 50
"""Rows of a long list that the page shows."""


def cohort_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """Labels and normalisation of the cohort, as far as `ingest` and `split` have run."""
    published = not place.params().cohort.simulated
    tables: list[ResultTable] = []
    records_file = place.path / "out" / "ingest" / "records.parquet"
    if records_file.is_file():
        tables.append(_cohort(place.path, pd.read_parquet(records_file), published=published))
    if normalisation := read_json(place, "split", "normalisation.json"):
        tables.append(_normalisation(normalisation, published=published))
    return tuple(tables)


def card_tables(place: Workspace, params: Params) -> tuple[ResultTable, ...]:
    """What card.json says: folds, patients, devices, combinations of labels, quarantine; nothing before `ingest`."""
    card = read_json(place, "ingest", "card.json")
    if card is None:
        return ()
    tables = [
        _fold_table(card, params.split),
        _patient_table(card),
        ResultTable("Devices", ("device", "records", "%"), _with_shares(card["devices"], card["records"])),
    ]
    if params.cohort.simulated:  # of PTB-XL, the table beside [CF]'s has them
        tables.append(_combination_table(card))
    if card["quarantine"]["reasons"]:
        reasons = card["quarantine"]["reasons"].items()
        rows = tuple((reason, f"{count}") for reason, count in reasons)
        tables.append(ResultTable("Quarantined records", ("reason", "records"), rows))
    return tuple(tables)


def unused_records(place: Workspace) -> tuple[ResultTable, ...]:
    """The records that `ingest` refused and those without a role, each list cut off where it gets long."""
    tables = []
    for stage, name, title in (
        ("ingest", "quarantine.csv", "Quarantined"),
        ("split", "unused.csv", "Without a role"),
    ):
        file = place.path / "out" / stage / name
        if file.is_file():
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
            note = (
                f"The first {MOST_LISTED}; all are in out/{stage}/{name}." if len(table) > MOST_LISTED else ""
            )
            rows = tuple(table.head(MOST_LISTED).itertuples(index=False, name=None))
            tables.append(ResultTable(f"{title}: {len(table)} records", tuple(table.columns), rows, note))
    return tuple(tables)


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


def _fold_table(card: Mapping[str, Any], split: SplitParams) -> ResultTable:
    classes = (*SUPERCLASSES, "none")
    rows = []
    for fold, part in sorted(card["folds"].items(), key=lambda item: int(item[0])):
        roles = [
            role for role, its in split.model_dump(exclude={"drop_unlabelled"}).items() if int(fold) in its
        ]
        counts = (part["records"], part["patients"], *(part["classes"][name] for name in classes))
        rows.append((fold, ", ".join(roles) or "none", *map(str, counts)))
    totals = (card["records"], card["patients"], *(card["classes"][name] for name in classes))
    rows.append(("all", "", *map(str, totals)))
    return ResultTable("Folds", ("fold", "roles", "records", "patients", *classes), tuple(rows))


def _patient_table(card: Mapping[str, Any]) -> ResultTable:
    age = card["age"]
    quartiles = [age[key] for key in ("median", "lower_quartile", "upper_quartile")]
    median, lower, upper = ("unknown" if value is None else f"{value:g}" for value in quartiles)
    rows = [
        ("patients", f"{card['patients']}"),
        ("records", f"{card['records']}"),
        *((f"{sex}", f"{count}") for sex, count in card["sex"].items()),
        ("median age, years", median),
        ("quartiles of age, years", f"{lower}-{upper}"),
        ("over 89 years", f"{age['over_89']}"),
        ("age unknown", f"{age['unknown']}"),
    ]
    return ResultTable(
        "Patients", ("what", "value"), tuple(rows), "Counts are of records, but for the first."
    )


def _combination_table(card: Mapping[str, Any]) -> ResultTable:
    rows = tuple(
        (", ".join(row["labels"]), f"{row['at_least']}", f"{row['percent']:.2f}", f"{row['exactly']}")
        for row in card["label_combinations"][:MOST_COMBINATIONS]
    )
    columns = ("labels", "with at least these", "%", "with exactly these")
    return ResultTable("Combinations of labels", columns, rows, f"The {MOST_COMBINATIONS} commonest at most.")


def _with_shares(counts: Mapping[str, int], total: int) -> tuple[tuple[str, ...], ...]:
    return tuple((name, f"{count}", f"{100 * count / total:.2f}") for name, count in counts.items())
