"""Batches of new records on their way: inbox/ -> batches/ (the accepted records) and taken/, or held/."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.folders import new_folder
from flows.retrain.ledger import TakenBatch, Update
from tasks.refused_batch import BatchRefused
from tasks.stage import digest
from tasks.stages import PTBXL_FILES
from veribeat.errors import InputError

INBOX, TAKEN, HELD = "inbox", "taken", "held"
"""Where users put batches; where a batch is kept that was learnt from; where one is kept that was not."""


def waiting(workspace: Path, most: int | None) -> tuple[TakenBatch, ...]:
    """The first batches of the inbox, by name.

    Names that begin with a dot are left alone: copy a batch in under such a name, and rename it when it is whole.
    """
    folder = workspace / INBOX
    return tuple(TakenBatch(name, digest_of(folder / name)) for name in names_in(workspace, INBOX)[:most])


def names_in(workspace: Path, where: str) -> list[str]:
    """What is in INBOX, TAKEN or HELD, sorted; names that begin with a dot are left out."""
    folder = workspace / where
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in names if not name.startswith(".")]


def digest_of(batch: Path) -> str:
    """Stands for the names and bytes of all files of a batch; a file instead of a folder has one, too.

    What links lead to counts: records100 may be one.
    """
    files = sorted(_files(batch, ())) if batch.is_dir() else [batch]
    return digest("\n".join(file.relative_to(batch).as_posix() for file in files), *files)


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Of a folder and those below; `above` are the real folders on the way, so that links in a circle end."""
    real = folder.resolve()
    if real in above:
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path, (*above, real))
        elif path.is_file():
            yield path


def check_is_batch(batch: Path) -> None:
    """Raise BatchRefused unless the folder is laid out as PTB-XL is, under a name that params.yaml can hold."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", batch.name):
        raise BatchRefused("a batch's name may have letters, digits, '.', '_' and '-' only: rename it")
    for file in PTBXL_FILES:
        if not (batch / file).exists():
            raise BatchRefused(f"it has no {file}, so it is no folder in PTB-XL's layout")


def located(workspace: Path, batch: TakenBatch) -> Path:
    """The batch in the inbox; InputError where somebody has taken it away."""
    folder = workspace / INBOX / batch.name
    if not folder.exists():
        raise InputError(f"{folder} has gone since an update began with it: bring it back, then run again.")
    return folder


def unchanged(workspace: Path, update: Update, batch: TakenBatch) -> Path:
    """The batch in the inbox; InputError where it is no longer what the update began with."""
    folder = located(workspace, batch)
    if digest_of(folder) != batch.digest:
        raise InputError(
            f"{folder} has changed since update {update.name} began with it: put it back as it was, then run again."
        )
    return folder


def put_away(
    workspace: Path, batch: TakenBatch, stored: str, where: str, warn: Callable[[str], object]
) -> None:
    """Move a batch out of the inbox, to taken/ or held/; nothing where that was done already.

    Its user may have taken it away meanwhile: `warn` is told.
    """
    target = workspace / where / stored
    if target.exists():
        return
    source = workspace / INBOX / batch.name
    if not source.exists():
        warn(f"{source} has gone, so that {where}/ gets no copy of it.")
        return
    target.parent.mkdir(exist_ok=True)
    source.replace(target)


def store(batch: Path, table: str, files: list[str], target: Path) -> None:
    """Make `target` a PTB-XL folder of some records of a batch.

    Args:
        batch: a PTB-XL folder.
        table: the text of its ptbxl_database.csv with the rows of these records.
        files: the paths of their headers and signals, relative to both folders.
        target: a folder that does not exist.
    """
    with new_folder(target) as scratch:
        (scratch / PTBXL_FILES[1]).write_text(table, encoding="utf-8")
        shutil.copyfile(batch / PTBXL_FILES[2], scratch / PTBXL_FILES[2])
        for file in files:
            copy = scratch / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(batch / file, copy)
