"""runs/<id>/: what a run did and with what, and a page to look at. Untracked, because it holds times."""

import base64
import json
import platform
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from flows.code_dependencies import CODE_ROOT
from flows.provenance import RunRecord, file_digest, processor
from flows.results import result_tables
from flows.workspace import Workspace


def write_run_folder(place: Workspace, record: RunRecord) -> Path:
    """Write runs/<id>/{run.json,params.yaml,dvc.lock,index.html} into a workspace and return the folder."""
    folder = place.path / "runs" / record.run_id
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "dvc.lock"):
        (folder / name).write_bytes((place.path / name).read_bytes())
    provenance: dict[str, object] = {
        "run": record.run_id,
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
    }
    (folder / "run.json").write_text(json.dumps(provenance, indent=2, default=str) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(_page(place, record, provenance), encoding="utf-8")
    return folder


def _page(place: Workspace, record: RunRecord, provenance: dict[str, object]) -> str:
    templates = Environment(
        loader=PackageLoader("flows"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        (arm, path.stem, _data_uri(path))
        for arm in sorted(place.params().arms)
        for path in sorted(place.path.glob(f"out/calibrate-{arm}/figures/*.png"))
    ]
    return templates.get_template("run.html").render(
        simulated=place.params().cohort.simulated,
        name=place.path.name,
        record=record,
        tables=result_tables(place),
        figures=figures,
        provenance={key: value for key, value in provenance.items() if key not in ("stages", "mlflow")},
    )


def _data_uri(picture: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")
