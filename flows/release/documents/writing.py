"""Writes the documents of a release from its files and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.release.documents.quoting import Quotes, escaped, link
from flows.release.reading import ReleaseFiles
from veribeat.conventions import SUPERCLASSES

TEMPLATES = Path(__file__).parent / "templates"

DOCUMENTS = ("model_card.md", "change_record.md", "annex_iv.md")


def write_documents(folder: Path) -> None:
    """Write model_card.md, change_record.md and annex_iv.md into a folder that holds all other evidence of a release.

    Raises InputError when a file that they quote is missing or damaged.
    """
    files = ReleaseFiles(folder)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= _values(files)
    texts = {name: environment.get_template(name).render() for name in DOCUMENTS}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _values(files: ReleaseFiles) -> Mapping[str, Any]:
    """What the templates may use: functions that quote, and what to ask in conditions and names of fields."""
    quotes = Quotes(files)
    arm = files.arm
    settings = files.value("params.yaml", "arms", arm)
    strategy = files.value("params.yaml", "selections", files.selection, "strategy")
    return {
        "fact": quotes.fact,
        "setting": quotes.setting,
        "cell": quotes.cell,
        "count": quotes.count,
        "excluded": quotes.excluded,
        "rows": quotes.rows,
        "entries": quotes.entries,
        "link": link,
        "files": files,
        "arm": arm,
        "preset": settings["preset"],
        "selection": files.selection,
        "selects": strategy != "full",
        "kind": files.value("decision.json", "kind"),
        "judged": files.has("acceptance.csv"),
        "explained": files.has("prototypes.json"),
        "counterfactuals": _counterfactuals_were_counted(files),
        "by_superclass": quotes.excluded_by_superclass(),
        "fold_columns": {
            "records": ("records",),
            "patients": ("patients",),
            **{name: ("classes", name) for name in (*SUPERCLASSES, "none")},
        },
        "selection_columns": {
            name: name
            for name in (
                *("epoch", "phase", "trained", "candidates", "kept", "dropped"),
                *(f"dropped_{superclass}" for superclass in SUPERCLASSES),
            )
        },
        "scores_columns": {
            "metric": "metric",
            "before": "champion",
            "this release": "challenger",
            "difference": "difference",
            "low": "low",
            "high": "high",
        },
    }


def _counterfactuals_were_counted(files: ReleaseFiles) -> bool:
    return files.has("acceptance.csv") and bool(
        len(files.table("acceptance.csv", limit="counterfactual_validity"))
    )
