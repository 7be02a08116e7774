"""The tables of a release's page."""

import math
from pathlib import Path
from typing import Any

from flows.provenance import file_digest
from flows.release.manifest import MANIFEST
from flows.release.reading import ReleaseFiles, leaves
from flows.report.acceptance_limits import acceptance_limits
from flows.report.result_table import ResultTable
from flows.report.texts import number, p_value, record_set, with_interval
from veribeat.conventions import SUPERCLASSES

HEADLINES = {"macro-F1, calibrated": ("calibrated", "f1_macro"), "macro-AUROC": ("ranking", "auroc_macro")}
"""Name -> block and key of metrics.json."""

SUBGROUP = {"f1_macro": "macro-F1", "auroc_macro": "macro-AUROC", "ece": "ECE"}

DIGITS = 12
"""Of a SHA-256, which are enough to tell files apart."""


def headline_table(files: ReleaseFiles) -> ResultTable:
    """The two scores that a reader sees first, on each set of held-out records."""
    rows = [
        (
            record_set(records),
            str(files.value("metrics.json", records, "records")),
            *(score(files, records, *key) for key in HEADLINES.values()),
        )
        for records in sorted(files.value("metrics.json"), key=lambda name: (name != "test", name))
    ]
    bootstrap = files.value("params.yaml", "calibrate", "bootstrap")
    note = (
        f"In brackets: {100 * bootstrap['level']:g} % intervals over {bootstrap['resamples']} draws of patients, the"
        " training and the thresholds as they are. Thresholds are from validation."
    )
    return ResultTable("Scores", ("records", "number", *HEADLINES), tuple(rows), note)


def score(files: ReleaseFiles, records: str, block: str, metric: str, digits: int = 4) -> str:
    """A metric with its interval, such as "0.7209 (0.708-0.733)"."""
    value = files.value("metrics.json", records, block, *metric.split("."))
    found = files.table("intervals.csv", records=records, block=block, metric=metric)
    bounds = [(_number(row["low"]), _number(row["high"])) for row in found.to_dict("records")]
    known = next((ends for ends in bounds if not math.isnan(ends[0])), None)
    return with_interval(value, known, digits)


def class_table(files: ReleaseFiles) -> ResultTable:
    """Each superclass on the test records."""
    rows = tuple(
        (
            name,
            str(files.value("metrics.json", "test", "positives", name)),
            score(files, "test", "calibrated", f"f1_by_class.{name}"),
            *(
                number(files.value("metrics.json", "test", "calibrated", f"{key}_by_class", name))
                for key in ("precision", "recall")
            ),
            score(files, "test", "ranking", f"auroc_by_class.{name}"),
            f"{files.value('classifier.json', 'thresholds', name):g}",
        )
        for name in SUPERCLASSES
    )
    columns = ("superclass", "records", "F1", "precision", "recall", "AUROC", "threshold")
    return ResultTable("Test, per superclass at calibrated thresholds", columns, rows)


def subgroup_table(files: ReleaseFiles) -> ResultTable:
    """Each group of patients and devices on the test records."""
    rows = tuple(
        (
            f"{row['attribute']}: {row['group']}",
            row["records"],
            *(
                with_interval(
                    _number(row[key]), (_number(row[f"{key}_low"]), _number(row[f"{key}_high"])), digits=3
                )
                for key in SUBGROUP
            ),
        )
        for row in files.table("subgroups.csv").to_dict("records")
    )
    note = "Intervals are not corrected for the number of groups."
    return ResultTable("Test, by sex, age and device", ("group", "records", *SUBGROUP.values()), rows, note)


def acceptance_table(files: ReleaseFiles) -> ResultTable | None:
    """The limits that the release was held against; None where it was held against none."""
    if not files.has("acceptance.csv"):
        return None
    verdicts = [
        {
            **row,
            **{
                name: _number(row[name])
                for name in ("champion", "challenger", "difference", "low", "high", "bound")
            },
            "kept": row["kept"] == "True",
        }
        for row in files.table("acceptance.csv").to_dict("records")
    ]
    return acceptance_limits(
        "Limits of acceptance", verdicts, ("release before", "this release"), "this release's"
    )


def data_tables(files: ReleaseFiles) -> tuple[ResultTable, ...]:
    """Records by fold and role, by device, and quarantined when the cohort was read."""
    split = files.value("params.yaml", "split")
    roles = {name: folds for name, folds in split.items() if isinstance(folds, list)}
    folds = [
        (
            fold,
            ", ".join(role for role, of_role in roles.items() if int(fold) in of_role) or "none",
            *(str(part[key]) for key in ("records", "patients")),
            *(str(part["classes"][name]) for name in (*SUPERCLASSES, "none")),
        )
        for fold, part in sorted(files.value("card.json", "folds").items(), key=lambda item: int(item[0]))
    ]
    devices = [(name, str(count)) for name, count in files.value("card.json", "devices").items()]
    reasons = files.value("card.json", "quarantine", "reasons").items()
    return (
        ResultTable("Folds", ("fold", "roles", "records", "patients", *SUPERCLASSES, "none"), tuple(folds)),
        ResultTable("Devices", ("device", "records"), tuple(devices)),
        ResultTable(
            "Quarantined when the cohort was read" if reasons else "No record of the cohort is quarantined",
            ("reason", "records"),
            tuple((reason, str(count)) for reason, count in reasons),
        ),
    )


def batch_table(files: ReleaseFiles) -> ResultTable | None:
    """What the screening of each batch found; None where none was screened."""
    rows = []
    for batch in files.screened():
        found = files.value(f"{batch}/screening.json")
        reasons = ", ".join(f"{reason} {count}" for reason, count in found["quarantined"].items())
        name = batch.partition("/")[2]
        rows.append((name, str(found["records"]), str(found["accepted"]), reasons or "none"))
    columns = ("batch", "records", "accepted", "quarantined")
    return ResultTable("Screened batches", columns, tuple(rows)) if rows else None


def drift_table(files: ReleaseFiles) -> ResultTable | None:
    """The features of the screened batches that drifted; None where none was screened."""
    rows, compared = [], 0
    for batch in files.screened():
        table = files.table(f"{batch}/drift.csv")
        compared += len(table)
        rows += [
            (
                row["feature"],
                row["device"],
                number(_number(row["psi"]), 3),
                p_value(_number(row["p_adjusted"])),
                batch.partition("/")[2],
            )
            for row in table[table["drifted"] == "True"].to_dict("records")
        ]
    if not files.screened():
        return None
    note = f"Of {compared:,} comparisons, those of too few records included: drift.csv in each folder of screening/."
    columns = ("feature", "device", "psi", "corrected p", "batch")
    return ResultTable("What drifted" if rows else "No feature has drifted", columns, tuple(rows), note)


def selection_table(files: ReleaseFiles) -> ResultTable:
    """What the selection did, epoch by epoch."""
    columns = ("epoch", "phase", "trained", "candidates", "kept", "dropped")
    files.check_columns("selection.csv", *columns)
    table = files.table("selection.csv")[list(columns)]
    return ResultTable("Epoch by epoch", columns, tuple(table.itertuples(index=False, name=None)))


def provenance_tables(files: ReleaseFiles) -> tuple[ResultTable, ...]:
    """provenance.json and environment.json, one row per value."""
    return tuple(
        ResultTable(title, ("what", "value"), tuple(_row(*leaf) for leaf in leaves(files.value(name))))
        for title, name in (("Made with", "provenance.json"), ("Environment", "environment.json"))
    )


def file_table(folder: Path, page: str) -> ResultTable:
    """SHA-256 of every file but the page itself and what is made after it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    later = {folder / page, folder / MANIFEST}
    rows = tuple(
        (path.relative_to(folder).as_posix(), f"{path.stat().st_size:,}", file_digest(path)[:DIGITS])
        for path in paths
        if path not in later
    )
    note = f"The first {DIGITS} digits. {MANIFEST} has all of them, and that of this page."
    return ResultTable("Files and their SHA-256", ("file", "bytes", "SHA-256"), rows, note)


def _row(keys: tuple[str, ...], value: Any) -> tuple[str, str]:
    """Such as ("code, commit", "0123")."""
    words = {None: "none", True: "yes", False: "no"}
    if isinstance(value, list):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = words[value] if value is None or isinstance(value, bool) else str(value)
    return ", ".join(key.replace("_", " ") for key in keys), text


def _number(text: str) -> float:
    return float(text) if text else math.nan
