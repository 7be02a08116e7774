"""retraining.html: the updates of a workspace, on one page without links outside; and as a table in the terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.folders import write_whole
from flows.report.figures import Picture
from flows.report.page import render
from flows.report.result_table import ResultTable
from flows.report.texts import folds, listed
from flows.retrain.figures import retraining_pictures
from flows.retrain.findings import Findings, read_findings
from flows.retrain.inbox import HELD, INBOX, names_in
from flows.retrain.ledger import champion_of
from flows.retrain.tables import (
    OUTCOMES,
    drift_table,
    limits_table,
    outcome,
    scores_table,
    terminal_table,
    updates_table,
)
from flows.workspace import Workspace

PAGE = "retraining.html"
NOTHING = "There is no update yet: 'veribeat retrain' trains the first champion."


@dataclass(frozen=True)
class RetrainingContent:
    """All that the page shows; without updates there are neither tables nor pictures."""

    name: str
    simulated: bool
    unfinished: str | None
    summary: tuple[str, ...]
    updates: tuple[ResultTable, ...]
    drift: ResultTable | None
    limits: ResultTable | None
    pictures: dict[str, Picture]
    reading: tuple[str, ...]


def write_retraining_page(place: Workspace) -> Path:
    """Write retraining.html anew, whole or not at all, from the ledger."""
    params = place.params()
    found = read_findings(place.path)
    content = RetrainingContent(
        name=place.path.name,
        simulated=params.cohort.simulated,
        unfinished=found[-1].update.name if found and not found[-1].update.done else None,
        summary=summary(place, found),
        updates=(updates_table(found), scores_table(found)) if found else (),
        drift=drift_table(found) if found else None,
        limits=limits_table(found) if found else None,
        pictures=retraining_pictures(found, place) if found else {},
        reading=_reading(place),
    )
    page = place.path / PAGE
    write_whole(page, render("retraining.html", content=content))
    return page


def summary(place: Workspace, found: Sequence[Findings]) -> tuple[str, ...]:
    """Who is champion since when, how updates ended, and which batches wait or are held."""
    sentences = [_champion(place, found)]
    if found:
        sentences.append(_outcomes(found))
    waiting, held = names_in(place.path, INBOX), names_in(place.path, HELD)
    sentences.append(
        f"Waiting in {INBOX}/: {listed(waiting)}. 'veribeat retrain' takes what is next."
        if waiting
        else f"No batch waits in {INBOX}/."
    )
    if held:
        sentences.append(
            f"Held in {HELD}/: {listed(held)}. Look why in the table of updates, repair or remove it, and move what is"
            f" to be tried again back to {INBOX}/."
        )
    return tuple(sentences)


def show_updates(place: Workspace, console: Console) -> None:
    """Print a row per update."""
    found = read_findings(place.path)
    if not found:
        console.print(NOTHING, highlight=False)
        return
    shown = terminal_table(found)
    table = Table(*shown.columns)
    for column in table.columns:
        column.overflow = "fold"
    for row in shown.rows:
        table.add_row(*(Text(cell) for cell in row))  # what looks like markup in a batch's name is its name
    console.print(table)
    for sentence in (shown.note, *summary(place, found)):
        console.print(Text(sentence))
    if place.params().cohort.simulated:
        console.print("Simulated records: these figures say that the pipeline works, nothing about patients.")


def _champion(place: Workspace, found: Sequence[Findings]) -> str:
    if not found:
        return NOTHING
    release = champion_of(place.path)
    if release is None:
        return "There is no champion yet: no accepted update has a complete release. 'veribeat retrain' trains one."
    # The decision counts from the moment it is made, but only the end of its update has a time.
    made = next(
        each.update
        for each in reversed(found)
        if each.update.decision is not None and each.update.decision.release == release
    )
    time = made.ended or made.began
    how = {
        "first": "the first champion",
        "update": "accepted as a challenger",
        "rollback": f"put back by update {made.name}, a rollback",
    }[made.kind]
    return f"Release {release} is champion since {time[:16].replace('T', ' ')} UTC: {how}."


def _outcomes(found: Sequence[Findings]) -> str:
    counts = Counter(outcome(each) for each in found)
    parts = [f"{count} {name}" for name in OUTCOMES if (count := counts[name])]
    total = len(found)
    kept = " A refused one leaves the champion as it is." if counts["refused"] else ""
    return f"{total} update{'s' if total > 1 else ''}: {listed(parts)}.{kept}"


def _reading(place: Workspace) -> tuple[str, ...]:
    judge = place.params().retrain.judge
    level = judge.bootstrap.level
    return (
        f"The reference records ({folds(judge.reference)}) decide: a challenger is accepted if it keeps to every limit"
        f" there, and the lower end of a {level:.0%} interval is a one-sided limit of {(1 + level) / 2:.0%}.",
        f"The unseen records ({folds(judge.unseen)}) decide nothing: they show whether deciding on the reference again"
        " and again has made the champion fit it.",
        "New records are what the champion had never seen, so that its score says how well it does on what is to come;"
        " the challenger has learnt from them, so that its score there would say nothing.",
    )
