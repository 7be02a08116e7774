"""One stage at a time through DVC, which owns the cache."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.folders import copy_whole
from flows.process import DVC_ERROR, StreamedProcess, check_not_busy
from flows.tracking.lock import LOCK_FILE
from flows.workspace import Workspace
from tasks.stage import EXIT_INPUT_ERROR
from veribeat.errors import InputError

_RUNNING = "Running stage '{}'"
"""What DVC prints before it runs a stage's command, and never when the cache had the outputs."""

_HINTS = (
    "To track the changes with git",
    "git add ",
    "To enable auto staging",
    "dvc config ",
    "Use `dvc push`",
)
"""Lines of advice that DVC adds after every stage; nobody needs them once per stage."""

_ERROR = "error: "
"""What a stage prints before the sentence about bad input (`tasks.stage.run`)."""


class Outcome(StrEnum):
    """What `dvc repro` did with a stage."""

    RAN = "ran"
    CACHED = "cached"


class StageFailed(RuntimeError):
    """A stage's process ended with an error that is not about the user's input."""


def reproduce(
    workspace: Workspace,
    stage: str,
    log: Callable[[str], None],
    force: bool = False,
    variables: Mapping[str, str] | None = None,
) -> Outcome:
    """Bring one stage up to date by `dvc repro --single-item`, sending each line of output to `log`.

    With `force` it runs whatever the cache holds; `variables` are added to its environment.
    Raises InputError with the stage's own sentence for bad input, StageFailed for every other failure.
    """
    command = ["dvc", "repro", "--single-item", *(["--force"] if force else []), stage]
    process = StreamedProcess(command, workspace.path, variables)
    outcome, sentence, last_error = Outcome.CACHED, "", ""
    for line in process.lines():
        if line.strip() and not line.strip().startswith(_HINTS):
            log(line)
        if line.startswith(_RUNNING.format(stage)):
            outcome = Outcome.RAN
        elif line.startswith(_ERROR):
            sentence = line.removeprefix(_ERROR)
        elif line.startswith(DVC_ERROR):
            last_error = line.removeprefix(DVC_ERROR)
    if process.returncode:
        if sentence and last_error.endswith(f"exited with {EXIT_INPUT_ERROR}"):
            raise InputError(sentence)
        check_not_busy(last_error, workspace.path)
        raise StageFailed(f"Stage '{stage}' failed: {last_error or 'see the lines above'}")
    _keep_lock(workspace.path)
    return outcome


def repair_after_kill(workspace: Path, log: Callable[[str], None]) -> None:
    """Undo what a kill in the middle of DVC's own bookkeeping leaves behind.

    DVC rewrites dvc.lock and its table of readers and writers in place, so either can be found cut off. The table
    is dropped; dvc.lock goes back to its last whole state, from which the killed stage runs again or comes from the
    cache, and the damaged one is kept as dvc.lock.damaged. Only the holder of the workspace's lock calls this.
    Raises InputError when dvc.lock holds a merge conflict, which only its owner can resolve.
    """
    table = workspace / ".dvc" / "tmp" / "rwlock"
    if table.is_file() and not _parses(table, json.loads):
        log(f"{table} was cut off by a kill; dropped.")
        table.unlink()
    lock, kept = workspace / LOCK_FILE, _kept_lock(workspace)
    if not lock.is_file() or _parses(lock, _lock_schema):
        return
    if "<<<<<<<" in lock.read_text(encoding="utf-8", errors="replace"):
        raise InputError(f"{lock} holds a merge conflict: resolve it, then run again.")
    damaged = lock.with_name(f"{LOCK_FILE}.damaged")
    lock.replace(damaged)
    if kept.is_file() and _parses(kept, _lock_schema):
        copy_whole(kept, lock)
    log(
        f"{lock} was damaged, perhaps by a kill; it is kept as {damaged.name}, and its last whole state is restored."
    )


def _keep_lock(workspace: Path) -> None:
    kept = _kept_lock(workspace)
    kept.parent.mkdir(parents=True, exist_ok=True)
    copy_whole(workspace / LOCK_FILE, kept)


def _kept_lock(workspace: Path) -> Path:
    """The state of dvc.lock after the last stage that ended well."""
    return workspace / ".dvc" / "tmp" / "veribeat" / LOCK_FILE


def _parses(file: Path, parse: Callable[[str], object]) -> bool:
    try:
        parse(file.read_text(encoding="utf-8"))
    except (ValueError, YAMLError):
        return False
    return True


def _lock_schema(text: str) -> None:
    document = YAML(typ="safe").load(text)
    if not isinstance(document, dict) or not isinstance(document.get("stages"), dict):
        raise ValueError("dvc.lock holds no stages")
