"""What a stream of updates came to: scores and decisions, and which of the injected faults were caught.

WORKSPACE has learnt from the batches of STREAM, which `veribeat simulate-stream` made, by `veribeat retrain`.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks.tables import Grid
from flows.release.reading import SCREENING
from flows.retrain.ledger import Update, updates
from flows.retrain.steps import EVIDENCE

SIGNAL_FAULTS = ("mains_hum", "broken_electrode", "swapped_leads", "new_device")
"""Faults of the recording itself; a shift of labels leaves every record as it was."""

SETS = {"reference": "reference fold", "unseen": "unseen fold", "new": "the batch"}


@dataclass(frozen=True)
class Screened:
    """What became of a batch: its name, how many records it had, and which were quarantined."""

    batch: str
    records: int
    quarantined: frozenset[int]
    drifted: tuple[str, ...]


def screened(update: Update) -> list[Screened]:
    """The batches of an update that were screened."""
    found = []
    for batch in update.batches:
        folder = update.folder / SCREENING / update.stored_name(batch)
        if (folder / "screening.json").is_file():
            counts = json.loads((folder / "screening.json").read_text(encoding="utf-8"))
            ids = frozenset(pd.read_csv(folder / "quarantine.csv")["ecg_id"].astype(int))
            found.append(Screened(batch.name, counts["records"], ids, tuple(counts["drifted"])))
    return found


def update_grid(known: tuple[Update, ...]) -> Grid:
    """A row for each update: scores of champion and challenger on each set of records, and the decision."""
    rows = []
    for update in known:
        scores = _scores(update)
        batches = screened(update)
        quarantined = sum(len(each.quarantined) for each in batches)
        share = f"{quarantined} of {sum(each.records for each in batches)}" if batches else ""
        drift = "raised" if any(each.drifted for each in batches) else "none" if batches else ""
        decision = update.decision
        outcome = "unfinished" if decision is None else "accepted" if decision.accepted else "refused"
        names = ", ".join(batch.name for batch in update.batches) or update.kind
        rows.append((update.name, names, share, drift, *(scores.get(key, "") for key in SETS), outcome))
    note = "macro-F1 of champion -> challenger, in brackets the paired 90 % interval of the difference."
    columns = ("update", "batch", "quarantined", "drift", *SETS.values(), "decision")
    return Grid("Updates", columns, tuple(rows), note, texts=2)


def _scores(update: Update) -> dict[str, str]:
    file = update.folder / EVIDENCE / "scores.csv"
    if not file.is_file():
        return {}
    table = pd.read_csv(file).query("metric == 'f1_macro'")
    return {
        str(row["set"]): f"{row['challenger']:.4f}"
        if pd.isna(row["champion"])
        else f"{row['champion']:.4f} -> {row['challenger']:.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
        for row in table.to_dict("records")
    }


def fault_grid(known: tuple[Update, ...], faults: pd.DataFrame) -> Grid:
    """A row for each batch and fault: injected, caught; and of the records without a fault, those that were flagged."""
    rows, injected, caught, clean, flagged = [], 0, 0, 0, 0
    for each in (batch for update in known for batch in screened(update)):
        of_batch = faults[(faults["batch"] == each.batch) & faults["fault"].isin(SIGNAL_FAULTS)]
        for fault, group in of_batch.groupby("fault"):
            hit = int(group["ecg_id"].isin(each.quarantined).sum())
            rows.append((each.batch, str(fault), str(len(group)), str(hit), f"{hit / len(group):.1%}"))
            injected, caught = injected + len(group), caught + hit
        without = each.records - of_batch["ecg_id"].nunique()
        wrongly = len(each.quarantined - set(of_batch["ecg_id"]))
        rows.append((each.batch, "none", str(without), str(wrongly), f"{wrongly / without:.1%}"))
        clean, flagged = clean + without, flagged + wrongly
    rows.append(("all", "any of these", str(injected), str(caught), f"{caught / max(injected, 1):.1%}"))
    rows.append(("all", "none", str(clean), str(flagged), f"{flagged / max(clean, 1):.1%}"))
    return Grid("Quarantine", ("batch", "fault", "records", "quarantined", ""), tuple(rows), texts=2)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("stream", type=Path, metavar="STREAM")
    asked = parser.parse_args()
    known = updates(asked.workspace)
    for grid in (update_grid(known), fault_grid(known, pd.read_csv(asked.stream / "faults.csv"))):
        grid.show(Console(width=200))


if __name__ == "__main__":
    main()
