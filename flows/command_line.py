"""What the modules of the `veribeat` command share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EXIT_INTERRUPTED = 130

HERE = Path()

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", help="Folder with params.yaml and dvc.yaml (default: this folder)."),
]


@contextmanager
def resumable() -> Iterator[None]:
    """Of a command that loses little by Ctrl-C: say so, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on where this run stopped.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def plain_console(stderr: bool = False) -> Console:
    """Where texts are shown as they are: brackets in the name of a folder or a device are no markup."""
    return Console(stderr=stderr, markup=False)
