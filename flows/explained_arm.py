"""Which arm of a workspace is explained, and the files that this takes."""

from collections.abc import Iterable
from pathlib import Path

from flows.workspace import Workspace
from tasks.explained import Sources
from veribeat.errors import InputError


def explained_arm(place: Workspace) -> tuple[str, Sources]:
    """The arm whose predictions are explained, and where its files are.

    Raises InputError when params.yaml names no arm, or a file is missing.
    """
    params = place.params()
    arm = params.explain.arm
    if arm is None:
        raise InputError(
            f"{place.params_file}: 'explain.arm' names no arm: set it to one, then run 'veribeat run'."
        )
    sources = Sources.of_arm(arm, params.compute.threads, place.path / "out")
    require(sources.files)
    return arm, sources


def require(files: Iterable[Path]) -> None:
    """Raise InputError when an output of the pipeline is missing."""
    for file in files:
        if not file.is_file():
            raise InputError(f"There is no {file}: run 'veribeat run' first.")
