"""`veribeat simulate-stream`: a PTB-XL folder as what is there at first and batches that come in, some with faults."""

import csv
import errno
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flows.folders import new_folder
from tasks.file_names import RECORDS_FOLDER, RECORDS_TABLE
from tasks.ingest import located, read_csv
from tasks.stages import SIMULATION_TRUTH
from veribeat.conventions import UNITS_PER_MV
from veribeat.data.labels import superclass_by_code
from veribeat.data.ptbxl_table import REQUIRED_COLUMNS, select_rows, whole_number
from veribeat.data.quarantine import RecordRejected
from veribeat.data.wfdb_record import read_record
from veribeat.simulation.faults import (
    Fault,
    add_hum,
    break_electrode,
    draw_gain,
    record_with_new_device,
    swap_electrodes,
)
from veribeat.simulation.stream import (
    INITIAL,
    NEW_DEVICE,
    WITHHELD,
    PlannedFault,
    StreamPlan,
    assign_batches,
    choose_faulty,
    withheld,
)
from veribeat.simulation.wfdb_format import record_files

LARGEST = np.iinfo(np.int16).max
"""The smallest int16 means "no sample" in WFDB."""

NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES}
"""What the system says where a file cannot have a second name: other disk, other owner, other file system."""

AMPLITUDE_LIMIT_MV = 20.0
"""As a new workspace's params.yaml has it: records beyond are refused by ingest and get no fault."""

FAULT_COLUMNS = ("batch", "ecg_id", "fault", "detail")
STREAM_COLUMNS = ("batch", "records", "first_date", "last_date", "withheld", "faults")


@dataclass(frozen=True)
class Source:
    """A PTB-XL folder: its database as text, the usable records sorted by ecg_id, and their rows in the database."""

    folder: Path
    database: pd.DataFrame
    records: pd.DataFrame
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class FaultRow:
    """A line of faults.csv."""

    batch: str
    ecg_id: int
    fault: Fault
    detail: str


@dataclass(frozen=True)
class BatchRow:
    """A line of stream.csv."""

    batch: str
    records: int
    first_date: str
    last_date: str
    withheld: int
    faults: str


def simulate_stream(
    source: Path, out: Path, plan: StreamPlan, faults: Sequence[PlannedFault]
) -> list[BatchRow]:
    """Write out/initial, out/inbox/batch-NN, out/faults.csv and out/stream.csv; returns the lines of the last.

    Every row of the source's database is in one folder, or listed as withheld. Rows that ingest refuses for what the
    tables say are in out/initial, where it lists them. Files of records without a fault are links to the source's, or
    copies; faulty ones are new. The same source, plan and faults give the same bytes.

    Raises:
        InputError: the source's tables cannot be used, `out` exists, or the plan does not suit the source.
    """
    cohort = read_source(source)
    assigned = assign_batches(cohort.records, plan)
    gain = draw_gain(np.random.default_rng([plan.seed, 1]))
    with new_folder(out) as scratch:
        in_batch = np.isin(np.arange(len(cohort.database)), cohort.rows[assigned != INITIAL])
        initial = write_folder(scratch / "initial", cohort, cohort.database[~in_batch], {})
        lines, listed = [_batch_row("initial", initial, [])], []
        for number in range(1, plan.batches + 1):
            name = f"batch-{number:02d}"
            members = np.flatnonzero(assigned == number)
            here = [each for each in faults if each.batch == number]
            rows, files, found = _with_faults(name, cohort, members, here, plan.seed, gain)
            lines.append(_batch_row(name, write_folder(scratch / "inbox" / name, cohort, rows, files), found))
            listed += found
        _write_rows(scratch / "faults.csv", FAULT_COLUMNS, listed)
        _write_rows(scratch / "stream.csv", STREAM_COLUMNS, lines)
    return lines


def read_source(folder: Path) -> Source:
    """Read the tables of a PTB-XL folder; InputError when they cannot be used."""
    rows = read_csv(folder / RECORDS_TABLE, REQUIRED_COLUMNS)
    statements = read_csv(folder / "scp_statements.csv", ("diagnostic", "diagnostic_class"))
    records, _ = select_rows(rows, superclass_by_code(statements, code_column=next(iter(statements[0]))))
    row_of = {whole_number(row["ecg_id"]): place for place, row in enumerate(rows)}
    database = pd.read_csv(folder / RECORDS_TABLE, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    places = np.array([row_of[ecg_id] for ecg_id in records["ecg_id"]], dtype=np.int64)
    return Source(folder, database, records, places)


def _with_faults(
    batch: str,
    cohort: Source,
    members: NDArray[np.intp],
    faults: Sequence[PlannedFault],
    seed: int,
    gain: float,
) -> tuple[pd.DataFrame, dict[str, NDArray[np.int16]], list[FaultRow]]:
    """A batch's rows of the database, the signals that differ from the source's by file name, and what was done."""
    number = int(batch.removeprefix("batch-"))
    random = np.random.default_rng([seed, 2, number])
    records = cohort.records.iloc[members]
    listed = []
    for shift in (each for each in faults if each.fault is Fault.LABEL_SHIFT):
        away = withheld(records[WITHHELD].to_numpy(), shift.share, random)
        listed += [
            FaultRow(batch, int(ecg_id), Fault.LABEL_SHIFT, f"withheld, {WITHHELD}")
            for ecg_id in records["ecg_id"][away]
        ]
        members, records = members[~away], records[~away]
    rows = cohort.database.iloc[np.sort(cohort.rows[members])].copy()
    of_signals = [each for each in faults if each.fault is not Fault.LABEL_SHIFT]
    if not of_signals:
        return rows, {}, listed
    signals = [_read(cohort.folder, filename) for filename in records["filename"]]
    chosen = choose_faulty(np.array([signal is not None for signal in signals]), of_signals, random)
    changed: dict[str, NDArray[np.int16]] = {}
    columns = (records[name] for name in ("ecg_id", "filename", "device"))
    for row, signal, fault, ecg_id, filename, device in zip(
        cohort.rows[members], signals, chosen, *columns, strict=True
    ):
        if fault is None or signal is None:
            continue
        generator = np.random.default_rng([seed, 3, int(ecg_id)])
        faulty, detail = put_in(signal / UNITS_PER_MV, fault, generator, gain)
        stored = np.clip(np.rint(faulty * UNITS_PER_MV), -LARGEST, LARGEST)
        changed[filename] = stored.astype(np.int16)
        if fault is Fault.NEW_DEVICE:
            detail = f"{NEW_DEVICE} for {device}, {detail}"
            rows.at[row, "device"] = NEW_DEVICE
        listed.append(FaultRow(batch, int(ecg_id), fault, detail))
    return rows, changed, sorted(listed, key=lambda line: line.ecg_id)


def put_in(
    signal_mv: NDArray[np.float64], fault: Fault, random: np.random.Generator, gain: float
) -> tuple[NDArray[np.float64], str]:
    """A record (1000, 12) in mV with one of SIGNAL_FAULTS, and what was done; `gain` is the new device's."""
    if fault is Fault.BROKEN_ELECTRODE:
        return break_electrode(signal_mv, random)
    if fault is Fault.MAINS_HUM:
        return add_hum(signal_mv, random)
    if fault is Fault.SWAPPED_LEADS:
        return swap_electrodes(signal_mv, random)
    if fault is Fault.NEW_DEVICE:
        return record_with_new_device(signal_mv, random, gain)
    raise ValueError(f"{fault} changes no signal")


def _read(folder: Path, filename: str) -> NDArray[np.int16] | None:
    """A record as ingest reads it, or None where it would refuse it: a fault in it would have two reasons."""
    try:
        return read_record(
            *located(filename, {"": (folder / RECORDS_FOLDER).resolve()}),
            AMPLITUDE_LIMIT_MV,
            reject_flat_leads=True,
        )
    except RecordRejected:
        return None


def write_folder(
    out: Path, cohort: Source, rows: pd.DataFrame, changed: dict[str, NDArray[np.int16]]
) -> pd.DataFrame:
    """Write a PTB-XL folder with these rows of the database, in their order; `changed` are new signals by file name.

    What a record's files are that ingest would refuse, missing ones say, stays as it is.
    """
    out.mkdir(parents=True)
    rows.to_csv(out / RECORDS_TABLE, index=False, lineterminator="\n")
    shutil.copyfile(cohort.folder / "scp_statements.csv", out / "scp_statements.csv")
    truth = cohort.folder / SIMULATION_TRUTH
    if truth.is_file():
        told = pd.read_csv(truth, dtype=str, keep_default_na=False)
        here = told["ecg_id"].isin(set(rows["ecg_id"]))
        told[here].to_csv(out / SIMULATION_TRUTH, index=False, lineterminator="\n")
    (out / RECORDS_FOLDER).mkdir()
    for filename in dict.fromkeys(rows["filename_lr"]):
        path = out / filename
        if filename in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            files = record_files(path.name, changed[filename])
            path.with_name(path.name + ".hea").write_text(files.header, encoding="ascii", newline="\n")
            path.with_name(path.name + ".dat").write_bytes(files.samples or b"")
        elif _inside(filename):
            _link_record(cohort.folder / filename, path)
    return rows


def _inside(filename: str) -> bool:
    """Whether a record's files lie in records100/; others are refused by ingest, and not to be written anywhere."""
    parts = Path(filename).parts
    return parts[:1] == (RECORDS_FOLDER,) and ".." not in parts


def _link_record(source: Path, target: Path) -> None:
    header = source.with_name(source.name + ".hea")
    names = [header.name, source.name + ".dat"]
    if header.is_file():
        lines = header.read_text(encoding="latin-1").splitlines()[1:]
        signal_files = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
        names += [name for name in signal_files if Path(name).name == name]
    for name in dict.fromkeys(names):
        file, copy = source.with_name(name), target.with_name(name)
        if file.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            _link(file, copy)


def _link(file: Path, copy: Path) -> None:
    try:
        os.link(file.resolve(), copy)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        shutil.copyfile(file, copy)


def _batch_row(name: str, rows: pd.DataFrame, faults: Sequence[FaultRow]) -> BatchRow:
    counts = Counter(line.fault for line in faults)
    shown = [f"{kind} {counts[kind]}" for kind in Fault if kind is not Fault.LABEL_SHIFT and counts[kind]]
    dates = rows["recording_date"]
    return BatchRow(
        name,
        len(rows),
        min(dates, default=""),
        max(dates, default=""),
        counts[Fault.LABEL_SHIFT],
        ", ".join(shown),
    )


def _write_rows(path: Path, columns: Sequence[str], rows: Sequence[FaultRow] | Sequence[BatchRow]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([getattr(row, column) for column in columns] for row in rows)
