"""Stage `ingest`: a PTB-XL folder, and batches that came later, become one cohort.

It is signals.npy, records.parquet, quarantine.csv and card.json.
"""

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.file_names import RECORDS_FOLDER, RECORDS_TABLE
from tasks.params.ingest import IngestParams
from tasks.params.reading import read_section
from tasks.stage import output_folder, run, write_json
from tasks.workers import Progress, most_workers, start_worker, worker_was_killed
from veribeat.conventions import LEADS, RECORD_SAMPLES
from veribeat.data.card import data_card
from veribeat.data.labels import superclass_by_code
from veribeat.data.ptbxl_table import REQUIRED_COLUMNS, select_rows, whole_number
from veribeat.data.quarantine import Quarantined, Reason, RecordRejected, check_share
from veribeat.data.samples_digest import samples_digest
from veribeat.data.schema import validate_records
from veribeat.data.wfdb_record import read_record
from veribeat.errors import InputError

LABEL = "ingest, records"

CHUNK = 256
"""Records read by one call of a worker, and copied at a time: 6 MB."""


@dataclass(frozen=True)
class Chunk:
    """A worker's share: which files go to which rows of the scratch array."""

    folders: Mapping[str, Path]
    scratch: Path
    first_row: int
    filenames: tuple[str, ...]
    params: IngestParams


def ingest(
    source: Path,
    out: Path,
    params: IngestParams,
    batches: Sequence[Path] = (),
    workers: int | None = None,
    codes: Mapping[str, str | None] | None = None,
) -> None:
    """Read the PTB-XL folder `source` at 100 Hz and write the stage's four files into the empty folder `out`.

    `batches` are folders of the same kind whose records were added later; the statements of `source`, or else `codes`
    (`read_statements`), hold for all.
    A record that cannot be used is listed in quarantine.csv and left out. InputError when a folder's tables
    cannot be used, or more than params.max_quarantined of the rows is quarantined: nothing stays in `out`
    then. `workers` (by default `most_workers`) changes the speed, never a byte of the result.
    """
    rows = read_csv(source / RECORDS_TABLE, REQUIRED_COLUMNS)
    for batch in batches:
        rows += [
            {**row, "filename_lr": f"{batch.as_posix()}/{row['filename_lr']}"}
            for row in read_csv(batch / RECORDS_TABLE, REQUIRED_COLUMNS)
        ]
    folders = {"": source / RECORDS_FOLDER} | {
        f"{batch.as_posix()}/": batch / RECORDS_FOLDER for batch in batches
    }
    candidates, quarantined = select_rows(rows, read_statements(source) if codes is None else codes)
    check_share(quarantined, len(rows), params.max_quarantined)
    scratch = out / "signals.scratch.npy"
    try:
        rejections = read_signals(
            {prefix: folder.resolve() for prefix, folder in folders.items()},
            candidates,
            scratch,
            params,
            workers or most_workers(),
        )
        rejections |= repeated(candidates, scratch, rejections)
        quarantined += [
            Quarantined(
                str(candidates["ecg_id"][row]),
                candidates["filename"][row],
                rejection.reason,
                rejection.detail,
            )
            for row, rejection in rejections.items()
        ]
        check_share(quarantined, len(rows), params.max_quarantined)
        kept = np.array([row for row in range(len(candidates)) if row not in rejections])
        records = validate_records(candidates.iloc[kept].reset_index(drop=True), signals=len(kept))
        copy_rows(scratch, kept, out / "signals.npy")
    finally:
        scratch.unlink(missing_ok=True)
    write_records(records, out / "records.parquet")
    write_quarantine(quarantined, out / "quarantine.csv")
    write_json(out / "card.json", data_card(records, quarantined))


def repeated(
    candidates: pd.DataFrame, scratch: Path, rejections: Mapping[int, RecordRejected]
) -> dict[int, RecordRejected]:
    """Rows whose samples an earlier row has, too: one recording under two ids may be in two folds."""
    signals = np.load(scratch, mmap_mode="r")
    first: dict[str, int] = {}
    found = {}
    for row, ecg_id in enumerate(candidates["ecg_id"]):
        if row in rejections:
            continue
        known = first.setdefault(samples_digest(signals[row]), int(ecg_id))
        if known != ecg_id:
            found[row] = RecordRejected(Reason.DUPLICATE_SAMPLES, f"record {known} has the same samples")
    return found


def read_statements(folder: Path) -> dict[str, str | None]:
    """Statement -> superclass, None for one that is not diagnostic, by scp_statements.csv of a PTB-XL folder.

    InputError when the file cannot be used.
    """
    statements = read_csv(folder / "scp_statements.csv", ("diagnostic", "diagnostic_class"))
    return superclass_by_code(statements, code_column=next(iter(statements[0])))


def read_csv(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """The first column and the required ones of a CSV file, as text.

    InputError when the file is missing, damaged, empty or lacks a required column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            columns = {name: header.index(name) for name in (*header[:1], *required) if name in header}
            rows = []
            for number, cells in enumerate(reader, start=1):
                if len(cells) != len(header):
                    raise InputError(
                        f"{path}: row {number} has {len(cells)} cells, not {len(header)}; fetch it again."
                    )
                rows.append({name: cells[column] for name, column in columns.items()})
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist; give the folder that holds PTB-XL's {path.name}."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a readable CSV file in UTF-8 ({error}); fetch it again.") from error
    missing = [name for name in required if name not in columns]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]!r}; use the file as PTB-XL distributes it.")
    if not rows:
        raise InputError(f"{path} has no rows; use the file as PTB-XL distributes it.")
    return rows


def read_signals(
    folders: Mapping[str, Path], candidates: pd.DataFrame, scratch: Path, params: IngestParams, workers: int
) -> dict[int, RecordRejected]:
    """Read every candidate into its row of the scratch array; returns row -> rejection where that failed.

    `folders` are the resolved folders of the records, by what a candidate's filename begins with.
    """
    total = len(candidates)
    new_signals(scratch, total)
    chunks = [
        Chunk(folders, scratch, first, tuple(candidates["filename"][first : first + CHUNK]), params)
        for first in range(0, total, CHUNK)
    ]
    workers = min(workers, len(chunks))
    if workers == 1:
        return gathered(map(read_chunk, chunks), chunks)
    # spawn, not fork: the caller may run threads
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=start_worker, initargs=(os.getpid(),)
    ) as pool:
        try:
            return gathered(pool.map(read_chunk, chunks), chunks)
        except BrokenProcessPool as error:
            raise worker_was_killed(LABEL) from error


def gathered(
    results: Iterable[list[tuple[int, RecordRejected]]], chunks: Sequence[Chunk]
) -> dict[int, RecordRejected]:
    """Row -> rejection of all chunks, and progress on standard error while they come in."""
    progress = Progress(LABEL, sum(len(chunk.filenames) for chunk in chunks))
    rejections: dict[int, RecordRejected] = {}
    for chunk, rejected in zip(chunks, results, strict=True):
        rejections.update(rejected)
        progress.advance(len(chunk.filenames))
    return rejections


def read_chunk(chunk: Chunk) -> list[tuple[int, RecordRejected]]:
    """Read one chunk into the scratch array, which workers share; rows of rejected records stay zero."""
    signals = np.lib.format.open_memmap(chunk.scratch, mode="r+")
    rejections = []
    for row, filename in enumerate(chunk.filenames, start=chunk.first_row):
        try:
            signals[row] = read_record(
                *located(filename, chunk.folders),
                chunk.params.amplitude_limit_mv,
                chunk.params.reject_flat_leads,
            )
        except RecordRejected as rejection:
            rejections.append((row, rejection))
    return rejections


def located(filename: str, folders: Mapping[str, Path]) -> tuple[Path, str]:
    """The folder of a record, and its path in it, where the tables give it with records100/.

    RecordRejected for any other folder: records100/ is what the stage declares as its input, so a change elsewhere
    would go unnoticed.
    """
    prefix = max((prefix for prefix in folders if filename.startswith(prefix)), key=len)
    name = filename.removeprefix(prefix)
    if not name.startswith(f"{RECORDS_FOLDER}/"):
        raise RecordRejected(Reason.PATH_OUTSIDE_FOLDER, f"{filename!r} does not lie in {RECORDS_FOLDER}/")
    return folders[prefix], name.removeprefix(f"{RECORDS_FOLDER}/")


def new_signals(path: Path, records: int) -> np.memmap:
    """A zeroed .npy file of int16 (records, 1000, 12), mapped into memory.

    Its blocks are allocated here: a disk that fills up while the map is written would be a bus error.
    """
    signals = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.int16, shape=(records, RECORD_SAMPLES, len(LEADS))
    )
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return signals


def copy_rows(scratch: Path, rows: np.ndarray, target: Path) -> None:
    """Copy the given rows of the scratch array into a new array file, a chunk at a time."""
    new_signals(target, len(rows))
    for first in range(0, len(rows), CHUNK):
        # Mapped anew for each chunk: what was copied no longer counts as this process's memory.
        signals, kept = np.load(scratch, mmap_mode="r"), np.lib.format.open_memmap(target, mode="r+")
        kept[first : first + CHUNK] = signals[rows[first : first + CHUNK]]
    np.lib.format.open_memmap(target, mode="r+").flush()


def write_records(records: pd.DataFrame, path: Path) -> None:
    """The records table as parquet, without pandas' metadata: its bytes depend on its values only."""
    table = pa.Table.from_pandas(records, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd")


def write_quarantine(quarantined: Sequence[Quarantined], path: Path) -> None:
    """The quarantine as CSV, sorted by ecg_id; ids that are no number come last."""

    def by_number(row: Quarantined) -> tuple[bool, int, str, str, str]:
        number = whole_number(row.ecg_id)
        return number is None, number or 0, row.ecg_id, row.file, row.detail

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ecg_id", "file", "reason", "detail"])
        writer.writerows(
            [row.ecg_id, row.file, row.reason, row.detail] for row in sorted(quarantined, key=by_number)
        )


def main() -> None:
    """Run the stage on the PTB-XL folder, and the batches, named on the command line."""
    source, *batches = map(Path, sys.argv[1:])
    params = read_section(IngestParams, "ingest")
    with output_folder("ingest") as out:
        ingest(source, out, params, batches)


if __name__ == "__main__":
    run(main)
