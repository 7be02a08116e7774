"""A PTB-XL folder as small as can be, its download without long waits, and what has come of it."""

import io
from pathlib import Path

from file_server import FileServer, listing
from rich.console import Console

from flows.physionet.download import Download, download_ptbxl
from flows.physionet.server import Patience

PATIENCE = Patience(
    attempts=3, first_delay_s=0.01, longest_delay_s=0.1, connect_timeout_s=2.0, read_timeout_s=1.0
)
RECORD = "records100/00000/00007_lr.dat"


def small_folder() -> dict[str, bytes]:
    """Three records, of no sense but of PTB-XL's size, and the files beside them."""
    stems = [f"records100/00000/{number:05d}_lr" for number in (1, 2, 7)]
    files = {f"{stem}.hea": stem.encode() for stem in stems}
    files |= {f"{stem}.dat": (stem.encode() * 1000)[:24000] for stem in stems}
    files |= {
        name: name.encode() * 50 for name in ("LICENSE.txt", "ptbxl_database.csv", "scp_statements.csv")
    }
    return {**files, "SHA256SUMS.txt": listing(files)}


def download(
    server: FileServer,
    folder: Path,
    workers: int = 8,
    console: Console | None = None,
    patience: Patience = PATIENCE,
) -> Download:
    """The records at 100 Hz, silently unless a console is given."""
    console = console or Console(file=io.StringIO())
    return download_ptbxl(folder, console, url=server.url, workers=workers, patience=patience)


def content(folder: Path) -> dict[str, bytes]:
    """All that is in the folder but the file of the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
