"""Files and folders that appear whole or not at all, and folders that one process at a time may fill."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veribeat.errors import InputError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A scratch folder that becomes `folder` when the block ends without an error.

    What a killed block leaves is cleared by the next one. Raises InputError when `folder` exists and is not empty.
    """
    folder = folder.absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} exists already: choose another folder, or remove it first.")
    scratch = folder.with_name(f".{folder.name}.partial")
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch)
        raise
    scratch.replace(folder)


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, by way of a scratch file beside it: a reader finds the old content or the new."""
    scratch = _scratch(file)
    if isinstance(content, str):
        scratch.write_text(content, encoding="utf-8")
    else:
        scratch.write_bytes(content)
    scratch.replace(file)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file's content in the same way."""
    scratch = _scratch(target)
    shutil.copyfile(source, scratch)
    scratch.replace(target)


def _scratch(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


@contextmanager
def held(lock: Path, busy: str) -> Iterator[None]:
    """Hold the file `lock`, made if need be; InputError with the sentence `busy` when another process holds it.

    The operating system drops the lock with the process that holds it, however that ends.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(busy) from error
        yield
