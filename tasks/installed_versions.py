"""Whether the installed packages are the pinned ones."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tasks
from veribeat.errors import InputError

CONSTRAINTS = Path(str(tasks.__file__)).resolve().parents[1] / "constraints.txt"

ANY_VERSIONS = "VERIBEAT_ANY_VERSIONS"
"""Environment variable of stages that may run with others, because whoever started them records it."""


def other_versions() -> tuple[str, ...]:
    """Each installed package whose version is not the pinned one, such as "torch 2.12.0 instead of 2.13.0", sorted.

    Packages that are pinned but not installed do not count, nor does a local label such as "+cpu".
    """
    found = []
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        name, equals, pinned = line.partition("==")
        if not equals or name.startswith("#"):
            continue
        try:
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
        if installed != pinned.strip():
            found.append(f"{name} {installed} instead of {pinned.strip()}")
    return tuple(sorted(found))


def check_versions(*, allow_others: bool) -> tuple[str, ...]:
    """`other_versions`; raises InputError when there are any and they are not allowed, here or by `ANY_VERSIONS`.

    The cache takes outputs to depend on constraints.txt, so a run with other versions would file its results under
    the wrong key. Where others are allowed, they are so for every stage that this process starts.
    """
    found = other_versions()
    if allow_others:
        os.environ[ANY_VERSIONS] = "1"
    elif found and ANY_VERSIONS not in os.environ:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(
            f"Installed versions are not those of {CONSTRAINTS.name} ({found[0]}{more}): install them with"
            " 'make install', or run 'veribeat run --any-versions', which is recorded."
        )
    return found
