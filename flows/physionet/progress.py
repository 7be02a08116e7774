"""How far a download is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from flows.sizes import size_text

SECONDS_BETWEEN_LINES = 10.0


class Display(Protocol):
    """What a download reports to."""

    def file_done(self) -> None:
        """One more file is there, fetched or found."""

    def received(self, size: int) -> None:
        """So many more bytes have come."""

    def tell(self, line: str) -> None:
        """Something that the user may want to know."""


@contextmanager
def download_display(files: int, console: Console) -> Iterator[Display]:
    """Show the download of so many files while the block runs."""
    if not console.is_terminal:
        yield _Lines(files, console)
        return
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[size]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(files, progress)


class _Bar:
    def __init__(self, files: int, progress: Progress) -> None:
        self._progress = progress
        self._bytes = 0
        self._task = progress.add_task("", total=files, size=size_text(0))

    def file_done(self) -> None:
        self._progress.update(self._task, advance=1)

    def received(self, size: int) -> None:
        self._bytes += size
        self._progress.update(self._task, size=size_text(self._bytes))

    def tell(self, line: str) -> None:
        print_line(self._progress.console, line)


class _Lines:
    def __init__(self, files: int, console: Console) -> None:
        self._files = files
        self._console = console
        self._done = 0
        self._bytes = 0
        self._start = self._last = time.monotonic()

    def file_done(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._done == self._files or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            left = (now - self._start) / self._done * (self._files - self._done)
            self.tell(
                f"{self._done:,} of {self._files:,} files, {size_text(self._bytes)}, {_minutes(left)} left"
            )

    def received(self, size: int) -> None:
        self._bytes += size

    def tell(self, line: str) -> None:
        print_line(self._console, line)


def print_line(console: Console, line: str) -> None:
    """Print text from elsewhere as it is."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
