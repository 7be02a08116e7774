"""Every file of PTB-XL that a workspace needs, several at a time, going on where an earlier download stopped."""

import asyncio
import fcntl
import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from flows.physionet.listing import LARGEST_LISTING, LISTING, ListedFile, parse_listing, wanted
from flows.physionet.progress import Display, download_display
from flows.physionet.server import Patience, Server, TransferError
from veribeat.errors import InputError

PTBXL_URL = "https://physionet.org/files/ptb-xl/1.0.3/"
RATES = (100, 500)
"""Sampling rates, in Hz, at which PTB-XL holds each record."""

_LOCK = ".veribeat-download.lock"
_GIVE_UP_AFTER = 20
"""Files in a row that fail: then it is the server or the connection, not the files."""


@dataclass
class Download:
    """What a download has done so far."""

    files: int
    found: int = 0
    fetched: int = 0
    failures: list[TransferError] = field(default_factory=list)
    failed_in_a_row: int = 0

    @property
    def missing(self) -> int:
        """Files that are not there."""
        return self.files - self.found - self.fetched


def download_ptbxl(
    folder: Path,
    url: str = PTBXL_URL,
    rates: Collection[int] = (100,),
    workers: int = 8,
    *,
    console: Console,
    patience: Patience | None = None,
) -> Download:
    """Bring PTB-XL's tables and its records at `rates` (in Hz) into `folder`, `workers` files at a time.

    Files that are there and have the listed SHA-256 stay as they are; every other one is written beside its place
    and renamed when its SHA-256 is right. Nothing is written before SHA256SUMS.txt is found to be sound.
    Raises InputError when the list is not sound, another download holds the folder, the disk is full, or files are
    still missing after every retry: the sentence names the first and counts them; the others are kept.
    """
    return asyncio.run(_download(folder, url, rates, workers, console, patience or Patience()))


async def _download(
    folder: Path, url: str, rates: Collection[int], workers: int, console: Console, patience: Patience
) -> Download:
    async with Server(url, patience, connections=workers, tell=console.print) as server:
        try:
            content = await server.content(LISTING, LARGEST_LISTING)
        except TransferError as error:
            raise InputError(f"{server.address}{error}: {error.advice}, then run again.") from error
        files = wanted(parse_listing(content), rates)
        state = Download(files=len(files))
        with _held(folder), download_display(len(files), console) as display:
            try:
                _write_listing(folder, content)
                _make_folders(folder, files)
                await _fetch_all(files, folder, server, workers, state, display)
            except OSError as error:
                where = error.filename or folder
                raise InputError(f"{where}: {error.strerror}; {_what_is_missing(state, folder)}.") from error
    if state.missing:
        first = min(state.failures, key=lambda failure: [file.path for file in files].index(failure.path))
        raise InputError(f"{server.address}{first}; {_what_is_missing(state, folder)}; {first.advice}.")
    return state
