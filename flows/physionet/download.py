"""Every file of PTB-XL that a workspace needs, several at a time, going on where an earlier download stopped."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from flows.folders import held, write_whole
from flows.physionet.listing import LARGEST_LISTING, LISTING, PTBXL_URL, ListedFile, parse_listing, wanted
from flows.physionet.progress import Display, download_display, print_line
from flows.physionet.server import Patience, Server, TransferError
from veribeat.errors import InputError

_LOCK = ".veribeat-download.lock"
_GIVE_UP_AFTER = 20
"""Files in a row that fail: then it is the server or the connection, not the files."""


@dataclass
class Download:
    """What has become of the files so far."""

    files: int
    found: int = 0
    fetched: int = 0
    failures: list[TransferError] = field(default_factory=list)
    failed_in_a_row: int = 0

    @property
    def missing(self) -> int:
        """How many files are not there yet."""
        return self.files - self.found - self.fetched


def download_ptbxl(
    folder: Path,
    console: Console,
    *,
    url: str = PTBXL_URL,
    rates: Collection[int] = (100,),
    workers: int = 8,
    patience: Patience | None = None,
) -> Download:
    """Bring PTB-XL's tables and its records at `rates` (in Hz) into `folder`, `workers` files at a time.

    Files that are there with the listed SHA-256 stay as they are; every other one is written beside its place and
    renamed when its SHA-256 is right. Nothing is written before SHA256SUMS.txt is found to be sound.

    Raises:
        InputError: SHA256SUMS.txt is not sound, another download holds the folder, the folder cannot be written, or
            files are still missing after every retry; then the sentence names one and counts them.
    """
    return asyncio.run(_download(folder, console, url, rates, workers, patience or Patience()))


async def _download(
    folder: Path, console: Console, url: str, rates: Collection[int], workers: int, patience: Patience
) -> Download:
    async with Server(url, patience, connections=workers) as server:
        try:
            content = await server.content(LISTING, LARGEST_LISTING, lambda line: print_line(console, line))
        except TransferError as error:
            raise InputError(f"{server.address}{error}: {error.advice}, then run again.") from error
        files = wanted(parse_listing(content), rates)
        download = Download(len(files))
        busy = f"Another download is busy in {folder}: wait for it to end, then run again."
        try:
            with held(folder / _LOCK, busy), download_display(len(files), console) as display:
                _make_folders(folder, files)
                write_whole(folder / LISTING, content)
                await _fetch_all(files, folder, server, workers, download, display)
        except OSError as error:
            raise InputError(
                f"{error.filename or folder}: {error.strerror}: mend that, and the same command goes on from here."
            ) from error
    if download.failures:
        first = min(download.failures, key=lambda failure: failure.name)
        raise InputError(
            f"{server.address}{first}: {first.advice}; {download.missing:,} of {download.files:,} files are still"
            f" missing in {folder}, and the same command fetches only those."
        )
    return download


async def _fetch_all(
    files: Iterable[ListedFile],
    folder: Path,
    server: Server,
    workers: int,
    download: Download,
    display: Display,
) -> None:
    """Workers take the next file each until there is none; when the server seems gone, they fetch no more."""
    remaining = iter(files)

    async def work() -> None:
        for file in remaining:
            target = folder / file.path
            if target.is_file() and await asyncio.to_thread(_sha256, target) == file.sha256:
                download.found += 1
            elif download.failed_in_a_row >= _GIVE_UP_AFTER:
                continue  # only count what is there
            else:
                try:
                    await server.fetch(file, target, display)
                except TransferError as error:
                    download.failures.append(error)
                    download.failed_in_a_row += 1
                    continue
                download.fetched += 1
                download.failed_in_a_row = 0
            display.file_done()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


def _make_folders(folder: Path, files: Iterable[ListedFile]) -> None:
    """Make the folders of `files`; InputError when a link that is there leads out of `folder`."""
    root = folder.resolve()
    for parent in sorted({folder / file.path.parent for file in files}):
        if not parent.resolve().is_relative_to(root):
            raise InputError(f"{parent} leads out of {folder} by a link: remove the link, then run again.")
        parent.mkdir(parents=True, exist_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
