"""What in a workspace is up to date."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.process import run_quietly
from flows.workspace import Workspace


def stage_states(place: Workspace) -> dict[str, str]:
    """For each stage "up to date", or what changed: files, parameters, missing outputs."""
    report: dict[str, Any] = json.loads(run_quietly(["dvc", "status", "--json"], cwd=place.path) or "{}")
    return {stage.name: _describe(report.get(stage.name, [])) for stage in place.stages()}


def show_status(place: Workspace, console: Console) -> None:
    """Print one row per stage."""
    if not place.dvc_yaml_is_current():
        console.print("dvc.yaml is not what params.yaml and the code ask for; 'veribeat run' updates it.")
    table = Table("stage", "state", title=str(place.path), title_justify="left")
    for stage, state in stage_states(place).items():
        table.add_row(stage, state)
    console.print(table)


def _describe(changes: list[Any]) -> str:
    parts: list[str] = []
    for change in changes:
        if isinstance(change, str):  # such as "changed command"
            parts.append(change)
            continue
        for kind, items in change.items():
            for path, what in items.items():
                detail = (
                    ", ".join(f"{key} {value}" for key, value in what.items())
                    if isinstance(what, dict)
                    else what
                )
                side = "output" if kind == "changed outs" else "input"
                parts.append(f"{side} {path}: {detail}")
    return "; ".join(parts) or "up to date"
