"""What differs between two releases, in the terminal and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.release.difference import Change, Difference, Records, Score
from flows.report.result_table import ResultTable
from flows.report.texts import listed, number
from veribeat.conventions import SUPERCLASSES

SHOWN = ("calibrated.f1_macro", "calibrated.hamming_loss", "ranking.auroc_macro", "calibration.ece")
"""Metrics that the terminal shows of each set of records."""

OF_TEST = tuple(f"calibrated.f1_by_class.{name}" for name in SUPERCLASSES)

MOST_IDS = 10
"""Of records, in the terminal."""

MD5_DIGITS = 8


def difference_json(found: Difference) -> str:
    """All of it, with each score's difference."""
    content = asdict(found)
    for shown, score in zip(content["scores"], found.scores, strict=True):
        shown["difference"] = score.difference
    return json.dumps(content, indent=2, allow_nan=False)


def show_difference(found: Difference, console: Console) -> None:
    """Print a table for each kind of thing that differs, and a sentence for each that does not."""
    for shown in difference_tables(found):
        console.print(Text(f"\n{shown.title}"))
        if shown.rows:
            table = Table(*shown.columns)
            for column in table.columns:
                column.overflow = "fold"
            for row in shown.rows:
                table.add_row(*map(Text, row))  # what looks like markup in a name is its name
            console.print(table)
        if shown.note:
            console.print(Text(shown.note))


def difference_tables(found: Difference) -> tuple[ResultTable, ...]:
    """One for each kind of thing; without rows where nothing differs, and the title says so."""
    sides = (found.before, found.after)
    return (
        _records(found),
        _changes("Parameters", found.parameters, sides),
        _code(found),
        _packages(found),
        _scores(found),
        _exclusions(found),
        _acceptance(found),
    )


def _records(found: Difference) -> ResultTable:
    records = found.records
    rows = [
        ("records added", str(len(records.added)), _first(records.added)),
        ("records removed", str(len(records.removed)), _first(records.removed)),
        _changed_row(records),
        ("batches added", str(len(found.batches_added)), ", ".join(found.batches_added)),
        ("batches removed", str(len(found.batches_removed)), ", ".join(found.batches_removed)),
    ]
    note = "By ecg_id; all are in --json." if len(records.added) + len(records.removed) > MOST_IDS else ""
    return ResultTable("Learnt from", ("what", "number", "which"), tuple(rows), note)


def _changed_row(records: Records) -> tuple[str, str, str]:
    if records.changed is None:
        return ("records changed", "not known", "a release has no records.csv")
    return ("records changed", str(len(records.changed)), _first(records.changed))


def _changes(title: str, changes: Sequence[Change], sides: tuple[str, str]) -> ResultTable:
    if not changes:
        return ResultTable(f"{title}: the same", (), ())
    rows = tuple((change.name, _text(change.before), _text(change.after)) for change in changes)
    return ResultTable(f"{title}: {len(changes)} differ", ("name", *sides), rows)


def _code(found: Difference) -> ResultTable:
    commit = _commit(found.commit)
    if not found.modules:
        return ResultTable(f"Code: {commit}; no module that a stage read differs", (), ())
    rows = tuple(
        (
            change.name,
            *(("none" if side is None else side[:MD5_DIGITS]) for side in (change.before, change.after)),
        )
        for change in found.modules
    )
    title = f"Code: {commit}; {len(rows)} modules that stages read differ"
    return ResultTable(title, ("module", found.before, found.after), rows, "By md5, of dvc.lock.")


def _commit(found: Change) -> str:
    before, after = ("not known" if side is None else side for side in (found.before, found.after))
    return f"commit {before}" if before == after else f"commit {before} before, {after} after"


def _packages(found: Difference) -> ResultTable:
    if found.packages is None:
        return ResultTable("Packages: not known, a release has no environment.txt", (), ())
    return _changes("Packages", found.packages, (found.before, found.after))


def _scores(found: Difference) -> ResultTable:
    rows = tuple(
        (score.records, score.metric, number(score.before), number(score.after), _signed(score))
        for score in found.scores
        if score.metric in SHOWN or (score.records == "test" and score.metric in OF_TEST)
    )
    if found.test_records:
        names = listed([change.name for change in found.test_records[:3]])
        more = " and more" if len(found.test_records) > 3 else ""
        note = f"The test records are not the same ({names}{more} differ): the differences are not of the models alone."
    else:
        note = (
            "The test records are as many, of as many patients and labels in each fold; a release does not list them"
            " one by one."
        )
    columns = ("records", "metric", found.before, found.after, "difference")
    return ResultTable("Scores", columns, rows, f"{note} All metrics are in --json.")


def _exclusions(found: Difference) -> ResultTable:
    excluded = found.exclusions
    rows = (
        ("newly excluded", str(len(excluded.newly)), _first(excluded.newly)),
        ("no longer excluded", str(len(excluded.no_longer)), _first(excluded.no_longer)),
        ("excluded before, not trained on now", str(len(excluded.gone)), _first(excluded.gone)),
    )
    return ResultTable("Excluded by the selection", ("what", "number", "which"), rows)


def _acceptance(found: Difference) -> ResultTable:
    if found.acceptance is None:
        return ResultTable("Acceptance: not compared, a release was held against no limits", (), ())
    if not found.acceptance:
        return ResultTable("Acceptance: the same", (), ())
    rows = tuple(
        (change.name, *_verdict(change.before, change.after), *_verdict(change.after, change.before))
        for change in found.acceptance
    )
    columns = ("limit", found.before, "kept", found.after, "kept")
    return ResultTable("Acceptance", columns, rows, "In brackets: the lower end of the interval of a loss.")


def _verdict(side: dict[str, str] | None, other: dict[str, str] | None) -> tuple[str, str]:
    """What was measured, against which bound where the other release has another one, and whether it is kept."""
    if side is None:
        return ("not judged", "")
    low = f" ({float(side['low']):.4f})" if side["low"] else ""
    bound = f", bound {float(side['bound']):g}" if other and other["bound"] != side["bound"] else ""
    value = f"{float(side['challenger']):.4f}" if side["challenger"] else "not defined"
    return (f"{value}{low}{bound}", "yes" if side["kept"] == "True" else "no")


def _signed(score: Score) -> str:
    return "" if score.difference is None else f"{score.difference:+.4f}"


def _first(numbers: Sequence[int]) -> str:
    """The first of them, and that there are more."""
    shown = ", ".join(map(str, numbers[:MOST_IDS]))
    return f"{shown}, ..." if len(numbers) > MOST_IDS else shown


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
