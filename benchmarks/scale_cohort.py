"""A large cohort from a small one: copies of its records under numbers, patients and file names of their own."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.folders import new_folder
from tasks.file_names import RECORDS_FOLDER, RECORDS_TABLE
from tasks.stages import SIMULATION_TRUTH
from veribeat.conventions import LEADS, RECORD_SAMPLES

STATEMENTS = "scp_statements.csv"
RECORD = re.compile(r"(\d{5,})_lr")
BYTES_PER_SAMPLE = 2 * len(LEADS)
PER_FOLDER = 1000
"""Records below one folder, as PTB-XL has them."""


@dataclass(frozen=True)
class Size:
    """Of files: their bytes, and what they take on the disk (whole blocks)."""

    files: int = 0
    bytes: int = 0
    on_disk: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.files + other.files, self.bytes + other.bytes, self.on_disk + other.on_disk)


def size_of(path: Path) -> Size:
    """Of a file, or of all files below a folder."""
    if path.is_dir():
        return sum(map(size_of, path.iterdir()), Size())
    found = path.stat()
    return Size(1, found.st_size, found.st_blocks * 512)


def numbered(text: str, offset: int) -> str:
    """`text` with the number of every record file in it raised: 00017_lr by 2000 is 02017_lr."""
    return RECORD.sub(lambda match: f"{int(match[1]) + offset:05d}_lr", text)


def copy_cohort(source: Path, target: Path, copies: int) -> None:
    """Make the PTB-XL folder `target` of so many copies of `source`, each of files of its own, not of links.

    Links would share their pages in memory, and so be read faster than so many records are. Copy number k has k times
    as much added to each ecg_id and patient_id as it takes to tell them apart, and its recordings begin k samples later
    and end with what is left out: `ingest` takes the same samples for the same recording. Checksums are of sums, which
    that does not change; folds, labels and damage stay. Raises ValueError for more copies than a record has samples.
    """
    if copies > RECORD_SAMPLES:
        raise ValueError(f"{copies} copies cannot all differ")
    table = pd.read_csv(source / RECORDS_TABLE)
    step = int(table["ecg_id"].max())
    patients = int(table["patient_id"].max())
    with new_folder(target) as scratch:
        for record in sorted((source / RECORDS_FOLDER).glob("*/*")):
            content = record.read_bytes()
            for copy in range(copies):
                name = numbered(record.name, copy * step)
                folder = scratch / RECORDS_FOLDER / _folder_of(name)
                folder.mkdir(parents=True, exist_ok=True)
                if record.suffix == ".hea":  # it names itself and its signal file
                    text = numbered(content.decode("ascii"), copy * step)
                    (folder / name).write_text(text, encoding="ascii", newline="\n")
                else:
                    start = copy * BYTES_PER_SAMPLE
                    (folder / name).write_bytes(content[start:] + content[:start])
        whole = pd.concat([_copied(table, copy, step, patients) for copy in range(copies)])
        whole.to_csv(scratch / RECORDS_TABLE, index=False, lineterminator="\n")
        truth = pd.read_csv(source / SIMULATION_TRUTH)
        numbers = [truth.assign(ecg_id=truth["ecg_id"] + copy * step) for copy in range(copies)]
        pd.concat(numbers).to_csv(scratch / SIMULATION_TRUTH, index=False, lineterminator="\n")
        shutil.copyfile(source / STATEMENTS, scratch / STATEMENTS)


def _folder_of(name: str) -> str:
    return f"{int(name.partition('_')[0]) // PER_FOLDER * PER_FOLDER:05d}"


def _copied(table: pd.DataFrame, copy: int, step: int, patients: int) -> pd.DataFrame:
    def moved(filename: str) -> str:
        name = numbered(filename.rpartition("/")[2], copy * step)
        inside = filename.startswith(f"{RECORDS_FOLDER}/")  # some damaged rows name a file elsewhere
        return f"{RECORDS_FOLDER}/{_folder_of(name)}/{name}" if inside else f"../outside/{name}"

    return table.assign(
        ecg_id=table["ecg_id"] + copy * step,
        patient_id=table["patient_id"] + copy * patients,
        filename_lr=table["filename_lr"].map(moved),
    )
