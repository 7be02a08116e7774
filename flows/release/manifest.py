"""The manifest of a release: SHA-256 of every file in it."""

import json
from collections.abc import Mapping
from pathlib import Path

from flows.json_text import json_text
from flows.provenance import file_digest
from veribeat.errors import InputError

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
"""The one lists all files of a release but these two."""


def write_manifest(folder: Path) -> None:
    """Write manifest.json for the files that are in `folder` now; the last step of making a release."""
    content = {"sha256": _digests(folder)}
    (folder / MANIFEST).write_text(json_text(content), encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, str]:
    """Path in the release -> SHA-256; InputError where there is no manifest or it is damaged."""
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder} is no release: it has no {MANIFEST}.") from error
    except ValueError as error:
        raise InputError(f"{file} is damaged ({error}): restore the release from a backup.") from error
    digests = content.get("sha256") if isinstance(content, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
        raise InputError(f"{file} lists no SHA-256 of files: restore the release from a backup.")
    return {str(name): value for name, value in digests.items()}


def differences(folder: Path) -> Mapping[str, str]:
    """Path -> changed, missing or added, for each file that is not as the manifest says; sorted by path."""
    expected, found = read_manifest(folder), _digests(folder)
    return {
        name: "missing" if name not in found else "added" if name not in expected else "changed"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    }


def is_complete(folder: Path) -> bool:
    """Whether `folder` is a release whose files are all there; their bytes are not looked at."""
    return (folder / MANIFEST).is_file() and all((folder / name).is_file() for name in read_manifest(folder))


def _digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file_digest(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file not in {folder / MANIFEST, folder / SIGNATURE}
    }
