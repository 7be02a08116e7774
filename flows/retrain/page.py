"""The updates of a workspace, as a table and as a page."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.retrain.ledger import updates
from flows.workspace import Workspace

PAGE = "retraining.html"


def write_retraining_page(place: Workspace) -> Path:
    """Write retraining.html anew."""
    return place.path / PAGE


def show_updates(place: Workspace, console: Console) -> None:
    """Print a row per update."""
    table = Table("update", "kind", "batches", "champion after it", "why")
    for update in updates(place.path):
        decision = update.decision
        after = "unfinished" if decision is None else decision.release or str(update.champion)
        reasons = "" if decision is None else "; ".join(decision.reasons)
        table.add_row(update.name, update.kind, ", ".join(b.name for b in update.batches), after, reasons)
    console.print(table)
