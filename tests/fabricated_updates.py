"""A ledger of updates as files, without anything that was trained."""

from pathlib import Path

import numpy as np
import pandas as pd

from flows.release.contents import release_folder
from flows.release.manifest import write_manifest
from flows.retrain.ledger import DONE, Decision, Kind, TakenBatch, Update, begin
from flows.retrain.steps import EVIDENCE, SCREENING
from tasks.stage import write_json
from veribeat.metrics.acceptance import COMPARED


def make_release(workspace: Path, name: str) -> None:
    folder = release_folder(workspace, name)
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(name.encode())
    write_manifest(folder)


def make_update(
    workspace: Path,
    kind: Kind,
    decision: Decision | None,
    *batches: str,
    champion: str | None = None,
    judged: bool = False,
    drifted: bool = False,
    done: bool = True,
) -> Update:
    """Enter an update, with the screening of its batches, and with evidence where it was `judged`."""
    taken = [TakenBatch(name, f"digest of {name}") for name in batches]
    update = begin(workspace, kind, taken, champion, "2026-01-01T03:00:00+00:00", "by hand")
    for batch in taken:
        folder = update.folder / SCREENING / update.stored_name(batch)
        folder.mkdir(parents=True)
        names = ["NORM (all)"] if drifted else []
        write_json(
            folder / "screening.json",
            {"accepted": 90, "drifted": names, "quarantined": {"mains hum": 10}, "records": 100},
        )
        table = pd.DataFrame(
            {
                "feature": ["device", "NORM", "amplitude_mv"],
                "kind": ["category", "label", "number"],
                "device": ["all", "all", "CS-12"],
                "psi": [0.01, 0.5, np.nan],
                "psi_by_chance": [0.01, 0.01, np.nan],
                "p_adjusted": [1.0, 1e-9, np.nan],
                "drifted": [False, drifted, False],
            }
        )
        table.to_csv(folder / "drift.csv", index=False)
    if judged:
        _evidence(update, champion is not None)
    if decision is not None:
        if decision.release is not None and not release_folder(workspace, decision.release).exists():
            make_release(workspace, decision.release)
        update.decide(decision)
        if done:
            update.write(DONE, {"ended": "2026-01-01T03:05:00+00:00"})
    return update


def _evidence(update: Update, compared: bool) -> None:
    folder = update.folder / EVIDENCE
    folder.mkdir()
    numbers = [0.70, 0.71, 0.01, -0.002, 0.02] if compared else [np.nan, 0.7, np.nan, np.nan, np.nan]
    columns = ["champion", "challenger", "difference", "low", "high"]
    rows = [
        {"set": name, "records": 50, "metric": metric, **dict(zip(columns, numbers, strict=True))}
        for name in ("reference", "unseen", "new")
        for metric in COMPARED
    ]
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    limits = [
        ("f1_macro_loss", "all", *numbers, -0.01, True),
        ("excluded", "all", np.nan, 0.1, *[np.nan] * 3, 0.5, True),
    ]
    pd.DataFrame(limits, columns=["limit", "scope", *columns, "bound", "kept"]).to_csv(
        folder / "acceptance.csv", index=False
    )
