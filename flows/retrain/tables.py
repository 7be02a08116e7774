"""The ledger as tables, for the retraining page and the terminal."""

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flows.report.result_table import ResultTable
from flows.report.texts import number
from flows.retrain.ledger import Update
from flows.retrain.steps import EVIDENCE, SCREENING
from veribeat.plots.retraining import UpdatePoint

NONE = "–"


def screenings(update: Update) -> list[dict[str, Any]]:
    """What screening.json says of each batch that was screened."""
    files = sorted((update.folder / SCREENING).glob("*/screening.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def evidence(update: Update, file: str) -> pd.DataFrame | None:
    """A table that the decision rests on; None where nothing was trained."""
    path = update.folder / EVIDENCE / file
    return pd.read_csv(path) if path.is_file() else None


def drift_table(updates: Sequence[Update]) -> pd.DataFrame:
    """A row per update and feature: update, feature, device, effect, p_adjusted, drifted; the device with most effect.

    A drifted device comes before one that has not; the effect is the stability index less what chance makes of it.
    """
    parts = []
    for update in updates:
        for file in sorted((update.folder / SCREENING).glob("*/drift.csv")):
            parts.append(pd.read_csv(file).assign(update=update.name))
    if not parts:
        return pd.DataFrame(columns=["update", "feature", "device", "effect", "p_adjusted", "drifted"])
    table = pd.concat(parts, ignore_index=True)
    table["feature"] = table["feature"].where(table["kind"] != "missing", table["feature"] + ", missing")
    table["effect"] = (table["psi"] - table["psi_by_chance"]).clip(lower=0)
    ordered = table.sort_values(["drifted", "effect"], ascending=False, kind="stable", na_position="last")
    strongest = ordered.drop_duplicates(["update", "feature"]).sort_index()
    return strongest[["update", "feature", "device", "effect", "p_adjusted", "drifted"]].reset_index(
        drop=True
    )


def quarantine_shares(updates: Sequence[Update]) -> pd.DataFrame:
    """Index update, a column per reason, shares of the records that came."""
    rows = {}
    for update in updates:
        found = screenings(update)
        if found:
            total = sum(each["records"] for each in found)
            reasons = pd.concat([pd.Series(each["quarantined"], dtype=float) for each in found])
            rows[update.name] = reasons.groupby(level=0).sum() / total
    return pd.DataFrame(rows).T.fillna(0.0) if rows else pd.DataFrame()


def excluded_shares(updates: Sequence[Update]) -> pd.Series:
    """Index update: the share of the training records that the selection excluded."""
    found = {}
    for update in updates:
        table = evidence(update, "acceptance.csv")
        if table is not None:
            for value in table.loc[table["limit"] == "excluded", "challenger"]:
                found[update.name] = float(value)
    return pd.Series(found, dtype=float)


def points(updates: Sequence[Update]) -> list[UpdatePoint]:
    """What the figure of scores shows."""
    shown = []
    for update in updates:
        scores = evidence(update, "scores.csv")
        decision = update.decision
        if scores is None or decision is None:
            continue
        of_f1 = scores[scores["metric"] == "f1_macro"]
        values = {
            (str(row["set"]), model): float(row[model])
            for row in of_f1.to_dict("records")
            for model in ("champion", "challenger")
            if pd.notna(row[model])
        }
        shown.append(UpdatePoint(update.name, decision.accepted, values))
    return shown


def update_rows(updates: Sequence[Update]) -> list[dict[str, str]]:
    """A row per update, as text."""
    rows = []
    for update in updates:
        decision, found = update.decision, screenings(update)
        scores = evidence(update, "scores.csv")
        drifted = [name for each in found for name in each["drifted"]]
        rows.append(
            {
                "update": update.name,
                "what": {"first": "first champion", "update": "update", "rollback": "rollback"}[update.kind],
                "batches": ", ".join(batch.name for batch in update.batches) or NONE,
                "accepted": str(sum(each["accepted"] for each in found)) if found else NONE,
                "quarantined": str(sum(each["records"] - each["accepted"] for each in found))
                if found
                else NONE,
                "drift": (", ".join(drifted) or "none") if found else NONE,
                "champion on new": _score(scores, "new", "champion"),
                "reference": _score(scores, "reference", "challenger"),
                "difference": _difference(scores, "reference"),
                "unseen": _score(scores, "unseen", "challenger"),
                "difference, unseen": _difference(scores, "unseen"),
                "champion after it": NONE
                if decision is None
                else str(decision.release or update.champion or NONE),
                "why": "unfinished" if decision is None else "; ".join(decision.reasons) or "all limits kept",
            }
        )
    return rows


def updates_table(updates: Sequence[Update]) -> ResultTable:
    """All updates."""
    rows = update_rows(updates)
    columns = tuple(rows[0]) if rows else ("update",)
    note = (
        "Macro-F1, of the challenger unless the column says champion; differences are challenger minus champion, with"
        " the interval that limits are held against."
    )
    return ResultTable("Updates", columns, tuple(tuple(row.values()) for row in rows), note if rows else "")


def acceptance(update: Update) -> ResultTable | None:
    """The limits that an update was held against; None where nothing was trained."""
    table = evidence(update, "acceptance.csv")
    if table is None:
        return None
    rows = tuple(
        (
            str(row["limit"]),
            str(row["scope"]),
            number(row["champion"]),
            number(row["challenger"]),
            _signed(row),
            number(row["bound"]),
            "yes" if row["kept"] else "no",
        )
        for row in table.to_dict("records")
    )
    columns = ("limit", "of", "champion", "challenger", "difference", "bound", "kept")
    note = (
        "A loss is held against the lower end of the difference, other limits against the challenger's value."
    )
    return ResultTable(f"Limits, update {update.name}", columns, rows, note)


def drifts(updates: Sequence[Update]) -> ResultTable:
    """Everything that counts as drift, the strongest device of each feature."""
    table = drift_table(updates)
    table = table[table["drifted"].astype(bool)]
    rows = tuple(
        (row["update"], row["feature"], row["device"], number(row["effect"], 2), f"{row['p_adjusted']:.1g}")
        for row in table.to_dict("records")
    )
    title = "Drift" if rows else "No batch has drifted"
    return ResultTable(title, ("update", "feature", "device", "stability index", "corrected p"), rows)


def _of(scores: pd.DataFrame | None, name: str) -> Mapping[Hashable, Any] | None:
    if scores is None:
        return None
    rows = scores[(scores["set"] == name) & (scores["metric"] == "f1_macro")].to_dict("records")
    return rows[0] if rows else None


def _score(scores: pd.DataFrame | None, name: str, model: str) -> str:
    row = _of(scores, name)
    return NONE if row is None or pd.isna(row[model]) else number(row[model])


def _difference(scores: pd.DataFrame | None, name: str) -> str:
    row = _of(scores, name)
    return NONE if row is None else _signed(row)


def _signed(row: Mapping[Hashable, Any]) -> str:
    """Challenger minus champion with its interval, signs included."""
    if pd.isna(row["low"]):
        return NONE
    return f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"


def names_in(folder: Path) -> list[str]:
    """Names in a folder of batches, hidden ones left out; none where there is no such folder."""
    return (
        sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if folder.is_dir()
        else []
    )
