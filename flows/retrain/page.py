"""retraining.html and the terminal's table: what the updates of a workspace have come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from flows.report.figures import Picture, data_uri
from flows.report.page import render
from flows.report.result_table import ResultTable
from flows.retrain import tables
from flows.retrain.inbox import HELD, INBOX
from flows.retrain.ledger import Update, champion_of, updates, write_whole
from flows.workspace import Workspace
from veribeat.plots.retraining import drift_map, scores_over_updates, unused_shares
from veribeat.plots.style import SIMULATED_BANNER
from veribeat.plots.svg import svg_text

PAGE = "retraining.html"

SHOWN = (
    "update",
    "batches",
    "accepted",
    "quarantined",
    "reference",
    "difference",
    "champion after it",
    "why",
)
"""Columns in the terminal, which is narrow."""


@dataclass(frozen=True)
class RetrainingContent:
    """All that the page shows."""

    name: str
    simulated: bool
    unfinished: str
    summary: tuple[str, ...]
    tables: tuple[ResultTable, ...]
    pictures: tuple[Picture, ...]


def write_retraining_page(place: Workspace) -> Path:
    """Write retraining.html anew from the ledger; returns its path."""
    known = updates(place.path)
    simulated = place.params().cohort.simulated
    unfinished = known[-1].name if known and not known[-1].done and known[-1].decision is None else ""
    shown = [tables.updates_table(known), tables.drifts(known)] if known else []
    limits = [table for table in map(tables.acceptance, reversed(known)) if table is not None]
    content = RetrainingContent(
        name=place.path.name,
        simulated=simulated,
        unfinished=unfinished,
        summary=_summary(place, known),
        tables=(*shown, *limits[:1]),
        pictures=_pictures(known, SIMULATED_BANNER if simulated else None),
    )
    page = place.path / PAGE
    write_whole(page, render("retraining.html", content=content))
    return page


def show_updates(place: Workspace, console: Console) -> None:
    """Print a row per update."""
    rows = tables.update_rows(updates(place.path))
    if not rows:
        console.print("There is no update yet.")
        return
    shown = Table(*SHOWN)
    for column in shown.columns:
        column.overflow = "fold"
    for row in rows:
        shown.add_row(*(row[name] for name in SHOWN))
    console.print(shown)


def _summary(place: Workspace, known: Sequence[Update]) -> tuple[str, ...]:
    champion = champion_of(place.path)
    sentences = [
        "There is no champion yet."
        if champion is None
        else f"Release {champion} is the champion, in {place.path.name}/releases/{champion}."
    ]
    decided = [update for update in known if update.decision is not None]
    accepted = sum(
        update.decision.accepted for update in decided if update.decision and update.kind != "rollback"
    )
    rollbacks = sum(update.kind == "rollback" for update in decided)
    refused = len(decided) - accepted - rollbacks
    sentences.append(
        f"Updates so far: {len(known)}; accepted {accepted}, refused {refused}, rolled back {rollbacks}."
    )
    if waiting := tables.names_in(place.path / INBOX):
        sentences.append(f"Waiting in {INBOX}/: {', '.join(waiting)}.")
    if held := tables.names_in(place.path / HELD):
        sentences.append(
            f"Held back in {HELD}/: {', '.join(held)}. Look at why; a batch that is moved to {INBOX}/ is tried again."
        )
    return tuple(sentences)


def _pictures(known: Sequence[Update], banner: str | None) -> tuple[Picture, ...]:
    figures: list[tuple[Figure, str]] = []
    if points := tables.points(known):
        figures.append(
            (scores_over_updates(points, banner), "Macro-F1 of champion and challenger, by update.")
        )
    drift = tables.drift_table(known)
    if len(drift):
        caption = "How far each feature has moved in each update, on the device where it moved farthest."
        figures.append((drift_map(drift, banner), caption))
    shares = tables.quarantine_shares(known)
    if len(shares):
        caption = "Share of each update's records that were quarantined, and excluded by the selection."
        figures.append((unused_shares(shares, tables.excluded_shares(known), banner), caption))
    return tuple(
        Picture(
            data_uri("svg+xml", svg_text(figure).encode()), caption, caption, wide=figure.get_figwidth() > 6.5
        )
        for figure, caption in figures
    )
