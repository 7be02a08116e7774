"""One stage at a time through DVC, which owns the cache."""

import json
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.process import StreamedProcess
from flows.workspace import Workspace
from tasks.stage import EXIT_INPUT_ERROR
from veribeat.errors import InputError

_RUNNING = "Running stage '{}'"
"""What DVC prints before it runs a stage's command, and never when the cache had the outputs."""

_BUSY = ("is busy, it is being blocked by", "Unable to acquire lock")
"""What DVC says when another of its processes, perhaps left behind by a killed flow, works in the workspace."""

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


def reproduce(workspace: Workspace, stage: str, log: Callable[[str], None]) -> Outcome:
    """Bring one stage up to date by `dvc repro --single-item`, sending each line of output to `log`.

    Raises InputError with the stage's own sentence for bad input, StageFailed for every other failure.
    """
    repair_after_kill(workspace.path)
    process = StreamedProcess(["dvc", "repro", "--single-item", stage], cwd=workspace.path)
    outcome, sentence, last_error = Outcome.CACHED, "", ""
    for line in process.lines():
        if line.strip() and not line.strip().startswith(_HINTS):
            log(line)
        if line.startswith(_RUNNING.format(stage)):
            outcome = Outcome.RAN
        elif line.startswith(_ERROR):
            sentence = line.removeprefix(_ERROR)
        elif line.startswith("ERROR: "):
            last_error = line.removeprefix("ERROR: ")
    if process.returncode:
        if sentence and last_error.endswith(f"exited with {EXIT_INPUT_ERROR}"):
            raise InputError(sentence)
        if any(words in last_error for words in _BUSY):
            raise InputError(
                f"Another DVC process is busy in {workspace.path}: wait for it to end, then run again."
            )
        raise StageFailed(f"Stage '{stage}' failed: {last_error or 'see the lines above'}.")
    _lock_backup(workspace.path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(workspace.path / "dvc.lock", _lock_backup(workspace.path))
    return outcome


def repair_after_kill(workspace: Path) -> None:
    """Undo what a kill in the middle of DVC's own bookkeeping leaves behind.

    DVC rewrites dvc.lock and its table of readers and writers in place, so either can be found cut off. The table
    is dropped (only the holder of the workspace's lock calls this); dvc.lock goes back to its state before the
    killed stage, which then runs again or comes from the cache.
    """
    table = workspace / ".dvc" / "tmp" / "rwlock"
    if table.is_file() and not _parses(table, json.loads):
        table.unlink()
    lock, backup = workspace / "dvc.lock", _lock_backup(workspace)
    if lock.is_file() and not _parses(lock, _lock_schema):
        if backup.is_file():
            shutil.copyfile(backup, lock)
        else:
            lock.unlink()


def _lock_backup(workspace: Path) -> Path:
    return workspace / ".dvc" / "tmp" / "dvc.lock.before"


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
