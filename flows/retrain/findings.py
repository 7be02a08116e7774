"""What the updates of a ledger left behind, as the page and the terminal show it; what an update lacks is None."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from flows.release.reading import SCREENING
from flows.retrain.ledger import Update, updates
from flows.retrain.steps import EVIDENCE

SETS = ("reference", "unseen", "new")
"""On which a challenger meets the champion (`tasks.challenge`)."""

QUALITY = "f1_macro"


@dataclass(frozen=True)
class Meeting:
    """Macro-F1 of both models on a set of records; NaN where there is no champion yet."""

    champion: float
    challenger: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Screened:
    """What the screening of a batch found."""

    batch: str
    records: int
    accepted: int
    quarantined: dict[str, int]
    """Reason -> records."""
    drift: pd.DataFrame
    """feature, device, psi, p_adjusted, drifted."""


@dataclass(frozen=True)
class Findings:
    """An update with what it left behind."""

    update: Update

    @cached_property
    def screened(self) -> tuple[Screened, ...]:
        """Of each batch that could be screened."""
        found = []
        for batch in self.update.batches:
            folder = self.update.folder / SCREENING / self.update.stored_name(batch)
            if (folder / "screening.json").is_file():
                counts = json.loads((folder / "screening.json").read_text(encoding="utf-8"))
                found.append(
                    Screened(
                        batch.name,
                        counts["records"],
                        counts["accepted"],
                        counts["quarantined"],
                        _drift(folder / "drift.csv"),
                    )
                )
        return tuple(found)

    @cached_property
    def meetings(self) -> dict[str, Meeting]:
        """By set; empty for an update that trained nothing."""
        file = self.update.folder / EVIDENCE / "scores.csv"
        if not file.is_file():
            return {}
        table = pd.read_csv(file)
        rows = table[table["metric"] == QUALITY].to_dict("records")
        columns = ("champion", "challenger", "difference", "low", "high")
        return {str(row["set"]): Meeting(*(float(row[name]) for name in columns)) for row in rows}

    @cached_property
    def acceptance(self) -> tuple[dict[str, Any], ...]:
        """A row per limit (`veribeat.metrics.acceptance.Verdict`); empty for an update that trained nothing."""
        file = self.update.folder / EVIDENCE / "acceptance.csv"
        if not file.is_file():
            return ()
        rows = pd.read_csv(file).to_dict("records")
        return tuple({str(key): value for key, value in row.items()} for row in rows)

    @property
    def quarantined(self) -> dict[str, int]:
        """Reason -> records, over all batches that were screened."""
        total: dict[str, int] = {}
        for screened in self.screened:
            for reason, count in screened.quarantined.items():
                total[reason] = total.get(reason, 0) + count
        return total

    @property
    def excluded(self) -> tuple[float, float] | None:
        """Share of the training records that the selection excluded, and the most that may be."""
        found = [row for row in self.acceptance if row["limit"] == "excluded"]
        return (float(found[0]["challenger"]), float(found[0]["bound"])) if found else None


def read_findings(workspace: Path) -> tuple[Findings, ...]:
    """Of all updates, the first one first."""
    return tuple(Findings(update) for update in updates(workspace))


def _drift(file: Path) -> pd.DataFrame:
    """The columns that are shown."""
    table = pd.read_csv(file, dtype={"feature": str, "device": str, "drifted": str}, keep_default_na=False)
    for name in ("psi", "p_adjusted"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    table["drifted"] = table["drifted"] == "True"
    return table[["feature", "device", "psi", "p_adjusted", "drifted"]]
