"""The runs of a workspace, from runs/<id>/run.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.report.texts import number

SHORT = 8
"""Characters of a run id or commit that a page shows."""


@dataclass(frozen=True)
class PastRun:
    """One arm of one folder runs/<id>, in texts; empty where its run.json does not say."""

    run_id: str
    finished: str  # UTC, such as "2026-01-31 12:00:00"
    git: str
    arm: str = ""
    records: str = ""  # that the scores are of, such as "fold 10"
    f1_macro: str = ""  # at calibrated thresholds
    auroc_macro: str = ""
    mlflow_run: str = ""

    @property
    def short_id(self) -> str:
        """The beginning of the run's id."""
        return self.run_id[:SHORT]


def past_runs(workspace: Path) -> tuple[PastRun, ...]:
    """One row per arm and run of a workspace, newest run first; a run that does not tell its time comes last."""
    files = workspace.glob("runs/[!.]*/run.json")  # one that begins with a dot was cut off
    runs = [_read(file) for file in files]
    newest_first = sorted(runs, key=lambda rows: (rows[0].finished, rows[0].run_id), reverse=True)
    return tuple(row for rows in newest_first for row in rows)


def _read(file: Path) -> list[PastRun]:
    run_id = file.parent.name
    try:
        return _rows(run_id, json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError):
        # No JSON, or not what a run writes; an old run must not stop the report of a new one.
        return [PastRun(run_id, "", "run.json is damaged")]


def _rows(run_id: str, record: Any) -> list[PastRun]:
    """One row per arm of what run.json holds; raises whatever Python does where that is of another form."""
    sha = (record["git_sha"] or "")[:SHORT]
    git = f"{sha}, edited" if sha and record["git_dirty"] else sha
    finished = str(record.get("finished", ""))  # not there in runs of earlier versions, nor are the scores
    scores, children = record.get("scores", {}), record["mlflow"]["children"]
    rows = [
        PastRun(
            run_id,
            finished,
            git,
            arm,
            scores.get(arm, {}).get("records", "").replace("_", " "),
            number(scores.get(arm, {}).get("f1_macro")),
            number(scores.get(arm, {}).get("auroc_macro")),
            children.get(arm, ""),
        )
        for arm in sorted({*scores, *children})
    ]
    return rows or [PastRun(run_id, finished, git)]
