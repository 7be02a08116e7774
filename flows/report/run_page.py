"""runs/<id>/: what a run did and with what, and a page to look at. Untracked, because it holds times."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from flows.code_dependencies import CODE_ROOT
from flows.folders import new_folder
from flows.provenance import RunRecord, file_digest, processor
from flows.report.headline import headline_scores
from flows.report.page import Content, render
from flows.report.result_table import ResultTable
from flows.workspace import Workspace


def write_run_folder(place: Workspace, record: RunRecord, content: Content) -> Path:
    """Write runs/<id>/{run.json,params.yaml,dvc.lock,index.html} into a workspace and return the folder."""
    provenance: dict[str, object] = {
        "run": record.run_id,
        "finished": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        "workspace": str(place.path),
        "git_sha": record.git.sha,
        "git_dirty": record.git.dirty,
        "dvc_lock_sha256": file_digest(place.path / "dvc.lock"),
        "constraints_sha256": file_digest(CODE_ROOT / "constraints.txt"),
        "other_versions": list(record.other_versions),
        "processor": processor(),
        "python": platform.python_version(),
        "mlflow": asdict(record.logged),
        "stages": [asdict(stage) for stage in record.stages],
        "scores": headline_scores(place),
    }
    folder = place.path / "runs" / record.run_id
    with new_folder(folder) as scratch:
        for name in ("params.yaml", "dvc.lock"):
            (scratch / name).write_bytes((place.path / name).read_bytes())
        run_json = json.dumps(provenance, indent=2, default=str) + "\n"
        (scratch / "run.json").write_text(run_json, encoding="utf-8")
        page = render(
            "run.html",
            content=content,
            provenance=provenance,
            stages=_stages(record),
            made_with=_made_with(provenance, record),
        )
        (scratch / "index.html").write_text(page, encoding="utf-8")
    return folder


def _stages(record: RunRecord) -> ResultTable:
    rows = tuple((stage.name, stage.outcome.value, f"{stage.minutes:.2f}") for stage in record.stages)
    return ResultTable("Stages of this run", ("stage", "outcome", "minutes"), rows)


def _made_with(provenance: dict[str, object], record: RunRecord) -> ResultTable:
    """What run.json says of code, environment and MLflow, as texts."""
    shown = {key: provenance[key] for key in provenance if key not in ("stages", "mlflow", "scores")}
    shown["git_sha"] = record.git.sha or "not a git checkout"
    shown["git_dirty"] = "yes" if record.git.dirty else "no"
    shown["other_versions"] = ", ".join(record.other_versions) or "none: all packages are as pinned"
    shown["mlflow store"] = record.logged.tracking_uri
    shown["mlflow run"] = record.logged.parent_run
    shown |= {f"mlflow run of {arm}": run_id for arm, run_id in record.logged.children.items()}
    rows = tuple((key.replace("_", " "), str(value)) for key, value in shown.items())
    return ResultTable("Made with", ("what", "value"), rows)
