"""What in a workspace is up to date."""

import json
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.process import run_quietly
from flows.remote import CacheUse, cache_use, remote_url
from flows.sizes import size_text
from flows.tracking.lock import LOCK_FILE, read_lock
from flows.workspace import Workspace

UP_TO_DATE = "up to date"
NOT_RUN = "not run yet"

_KINDS = {"changed deps": "input", "changed outs": "output"}


def stage_states(place: Workspace) -> dict[str, str]:
    """For each stage that the parameters ask for: up to date, not run yet, or a summary of what changed."""
    names = [stage.name for stage in place.stages()]
    if not place.dvc_yaml_is_current():
        # DVC would judge stages by an old definition, or not know them.
        known = place.written_stages()
        return {name: "its definition changed" if name in known else NOT_RUN for name in names}
    done = read_lock(place.path).stages if (place.path / LOCK_FILE).exists() else {}
    report: dict[str, Any] = json.loads(run_quietly(["dvc", "status", "--json"], cwd=place.path))
    return {name: _describe(report.get(name, [])) if name in done else NOT_RUN for name in names}


def show_status(place: Workspace, console: Console) -> None:
    """Print one row per stage, and where outputs are kept."""
    console.print(f"\n{place.path}", highlight=False, markup=False, soft_wrap=True)
    table = Table("stage", "state")
    for stage, state in stage_states(place).items():
        table.add_row(stage, state)
    console.print(table)
    for line in (f"cache: {describe_cache(cache_use(place))}", f"remote: {remote_url(place) or 'none'}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def describe_cache(use: CacheUse) -> str:
    """The cache in one line, with what may go where that is known."""
    text = f"{use.files:,} files, {size_text(use.size)}"
    if not use.unused or not use.files:
        return text
    files, size = use.unused
    if not files:
        return f"{text}, all of them in use"
    return f"{text}; {files:,} files, {size_text(size)}, not in use ('dvc gc --workspace' removes them)"


def _describe(changes: list[Any]) -> str:
    """Such as "2 inputs modified (tasks/train.py, constraints.txt), 1 output deleted (out/train-erts/model.pt)"."""
    files: dict[tuple[str, str], list[str]] = {}
    words: Counter[str] = Counter()
    for change in changes:
        if isinstance(change, str):  # such as "changed command"
            words[change] += 1
            continue
        for kind, items in change.items():
            for path, what in items.items():
                if isinstance(what, dict):  # parameters: what happened to which key
                    for key, event in what.items():
                        files.setdefault(("parameter", str(event)), []).append(str(key))
                else:
                    files.setdefault((_KINDS.get(kind, kind), str(what)), []).append(str(path))
    parts = [
        f"{len(names)} {kind}{'s' * (len(names) > 1)} {event} ({', '.join(names[:2])}{', ...' * (len(names) > 2)})"
        for (kind, event), names in files.items()
    ]
    return ", ".join([*words, *parts]) or UP_TO_DATE
