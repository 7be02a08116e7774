"""What the modules of the `veribeat` command share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from veribeat.errors import InputError

if TYPE_CHECKING:  # `veribeat --help` should not wait for it
    from flows.workspace import Workspace

EXIT_INTERRUPTED = 130

HERE = Path()

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", help="Folder with params.yaml and dvc.yaml (default: this folder)."),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Edit params.yaml, as in --set compute.threads=1; repeatable."
    ),
]

KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Private Ed25519 key (PEM) that signs the release."),
]

AnyVersionsOption = Annotated[
    bool, typer.Option("--any-versions", help="Run although packages are not as constraints.txt pins them.")
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


def prepared(folder: Path, assignments: list[str] | None) -> "Workspace":
    """Edit params.yaml, and find what would stop the run before a server is started for it."""
    from flows.workspace import Workspace

    place = Workspace.at(folder)
    with place.lock():
        if assignments:
            print(*place.set_params(assignments), sep="\n")
        place.check_cohort()
    return place


def run_flow(flow: Any, *arguments: Any) -> Any:
    """Run a Prefect flow, resumable by Ctrl-C, and return what its final state holds.

    Raises InputError where the user can put it right, and exits with 1 where the flow failed otherwise.
    """
    from flows.pipeline import INPUT_ERROR  # Prefect reads its settings when it is imported

    with resumable():
        state = flow(*arguments, return_state=True)
    if state.is_failed() or state.is_crashed():
        if state.name == INPUT_ERROR:
            raise InputError(state.message or "bad input")
        print(f"error: {state.message}", file=sys.stderr)
        raise typer.Exit(1)
    return state.result()
