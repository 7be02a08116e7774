"""SHA256SUMS.txt: which files a PhysioNet folder holds. It comes from a server, so nothing in it is trusted."""

import re
import string
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.file_names import RECORDS_TABLE
from veribeat.errors import InputError

PTBXL_URL = "https://physionet.org/files/ptb-xl/1.0.3/"
LISTING = "SHA256SUMS.txt"
LARGEST_LISTING = 64 * 2**20
"""Bytes; PTB-XL's has 9 MB."""

TABLES = (RECORDS_TABLE, "scp_statements.csv")
_TOP_LEVEL = ("*.csv", "*.txt", "RECORDS")
"""What is wanted of the files beside the records: tables, licence, changes. No programs."""

_LINE = re.compile(r"(?P<sha256>[0-9a-fA-F]{64})(?: [ *]?)(?P<path>\S.*)")
_PATH_CHARACTERS = frozenset(string.ascii_letters + string.digits + "._-+/")


@dataclass(frozen=True)
class ListedFile:
    """A file below the root of the dataset and what its bytes must hash to."""

    path: PurePosixPath
    sha256: str

    @property
    def largest_size(self) -> int:
        """More bytes than this are not taken from a server: 10 s of 12 leads at 500 Hz are 120 kB."""
        return 2**20 if len(self.path.parts) > 1 else 64 * 2**20


def parse_listing(content: bytes) -> list[ListedFile]:
    """The lines "SHA-256, one or two separators, path" of a SHA256SUMS.txt, in their order.

    Raises InputError for anything else: a web page, a malformed line, a path that leaves the folder, a path with two
    hashes, or one that is at the same time a folder of others.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{LISTING} is not text: {_ADVICE}.") from error
    if text.lstrip().startswith("<"):
        raise InputError(f"{LISTING} is a web page, not a list of checksums: {_ADVICE}.")
    hashes: dict[PurePosixPath, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match is None:
            raise InputError(f"{LISTING}, line {number}, is not a SHA-256 and a path: {_ADVICE}.")
        path, sha256 = _inner_path(match["path"], number), match["sha256"].lower()
        if hashes.setdefault(path, sha256) != sha256:
            raise InputError(f"{LISTING} has two different hashes for {path}: {_ADVICE}.")
    folders = {parent for path in hashes for parent in path.parents}
    if both := sorted(folders & hashes.keys()):
        raise InputError(f"{LISTING} lists {both[0]} as a file and as a folder: {_ADVICE}.")
    return [ListedFile(path, sha256) for path, sha256 in hashes.items()]


def wanted(files: Iterable[ListedFile], rates: Collection[int]) -> list[ListedFile]:
    """The tables, then the small files beside them, then every file of the records at `rates` (in Hz), by path.

    Raises InputError when the list lacks a table, or records at one of the rates.
    """
    by_path = {file.path: file for file in files}
    if absent := [name for name in TABLES if PurePosixPath(name) not in by_path]:
        raise InputError(f"{LISTING} does not list {absent[0]}, so this is not PTB-XL's folder: {_ADVICE}.")
    top = [
        path
        for path in by_path
        if len(path.parts) == 1 and path.name != LISTING and any(map(path.match, _TOP_LEVEL))
    ]
    chosen = sorted(top, key=lambda path: (path.name not in TABLES, path))
    for rate in sorted(rates):
        folder = f"records{rate}"
        records = sorted(path for path in by_path if path.parts[0] == folder)
        if not records:
            raise InputError(f"{LISTING} lists no file below {folder}/: {_ADVICE}.")
        chosen += records
    return [by_path[path] for path in chosen]


_ADVICE = f"check --url, which must be the folder that holds {RECORDS_TABLE}"


def _inner_path(text: str, number: int) -> PurePosixPath:
    path = PurePosixPath(text)
    hidden = any(part.startswith(".") for part in path.parts)  # "..", and the names of scratch files
    if path.is_absolute() or hidden or not path.parts or not _PATH_CHARACTERS.issuperset(text):
        raise InputError(
            f"{LISTING}, line {number}, names {text!r}, which is no plain path inside the folder: {_ADVICE}."
        )
    return path
