"""A small PTB-XL folder: good records, one of each kind that `ingest` must quarantine, and settings to read it by."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tasks.params.ingest import IngestParams
from veribeat.conventions import LEADS
from veribeat.data.quarantine import Reason

BadFolder = tuple[Path, list[tuple[str, Reason]]]
"""The folder and its expected (ecg_id, reason) pairs."""

STRICT = IngestParams(max_quarantined=0.0, amplitude_limit_mv=20.0)
LENIENT = IngestParams(max_quarantined=1.0, amplitude_limit_mv=20.0)

FILES = ("signals.npy", "records.parquet", "quarantine.csv", "card.json")
"""What `ingest` writes."""

COLUMNS = (
    "ecg_id",
    "patient_id",
    "age",
    "sex",
    "device",
    "recording_date",
    "scp_codes",
    "strat_fold",
    "filename_lr",
)

STATEMENTS = {
    "NORM": "NORM",
    "IMI": "MI",
    "ASMI": "MI",
    "NDT": "STTC",
    "LAFB": "CD",
    "LVH": "HYP",
    "SR": None,
    "PVC": None,
}
"""Statement -> superclass, None for the ones that are not diagnostic."""

CODES = (
    "{'NORM': 100.0, 'SR': 0.0}",
    "{'IMI': 0.0, 'LAFB': 50.0}",
    "{'LVH': 100.0, 'NDT': 15.0}",
    "{'SR': 0.0}",
)


def signal(seed: int, leads: int = 12, samples: int = 1000) -> np.ndarray:
    """Noise with a rhythm, int16 (samples, leads), below 3 mV at 1000 units/mV."""
    rng = np.random.default_rng(seed)
    rhythm = 1000 * np.sin(2 * np.pi * np.arange(samples) / 80)[:, None] * rng.uniform(0.3, 1, leads)
    return np.rint(rhythm + rng.normal(0, 100, (samples, leads))).astype(np.int16)


def header_lines(
    name: str,
    adc: np.ndarray,
    leads: Sequence[str] = LEADS,
    rate: int = 100,
    scale: str = "1000.0(0)/mV",
    samples: int | None = None,
) -> list[str]:
    """The WFDB header of one record in one format-16 file."""
    sums = adc.astype(np.int64).sum(axis=0) % 65536
    return [f"{name} {len(leads)} {rate} {len(adc) if samples is None else samples}"] + [
        f"{name}.dat 16 {scale} 16 0 {adc[0, k]} {sums[k]} 0 {lead}" for k, lead in enumerate(leads)
    ]


def write_record(stem: Path, adc: np.ndarray, lines: Sequence[str] | None = None, **header: object) -> None:
    """`stem`.dat and `stem`.hea; the header is made from `adc` unless its `lines` are given."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_name(stem.name + ".dat").write_bytes(adc.astype("<i2").tobytes())
    lines = header_lines(stem.name, adc, **header) if lines is None else lines  # type: ignore[arg-type]
    stem.with_name(stem.name + ".hea").write_text("\n".join(lines) + "\n")


def filename(ecg_id: int) -> str:
    """The record's path in the folder, without extension."""
    return f"records100/00000/{ecg_id:05d}_lr"


def row(ecg_id: int, /, **cells: object) -> dict[str, object]:
    """A sound row of ptbxl_database.csv with some cells replaced."""
    return {
        "ecg_id": ecg_id,
        "patient_id": f"{1000 + ecg_id}.0",
        "age": "56.0",
        "sex": ecg_id % 2,
        "device": "CS-12   E",
        "recording_date": "1984-11-09 09:17:34",
        "scp_codes": CODES[ecg_id % len(CODES)],
        "strat_fold": 1 + ecg_id % 10,
        "filename_lr": filename(ecg_id),
    } | cells


def write_tables(folder: Path, rows: Sequence[dict[str, object]]) -> None:
    """ptbxl_database.csv with these rows, and scp_statements.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ptbxl_database.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "scp_statements.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["", "description", "diagnostic", "diagnostic_class"])
        for code, superclass in STATEMENTS.items():
            table.writerow([code, "", "1.0" if superclass else "", superclass or ""])


def write_good_folder(folder: Path, count: int = 6) -> list[dict[str, object]]:
    """A folder of `count` sound records with ecg_id 1, 2, ...; returns its rows."""
    rows = [row(ecg_id) for ecg_id in range(1, count + 1)]
    for ecg_id in range(1, count + 1):
        write_record(folder / filename(ecg_id), signal(ecg_id))
    write_tables(folder, rows)
    return rows


def write_folder_with_bad_records(folder: Path, good: int = 6) -> list[tuple[str, Reason]]:
    """A folder with `good` sound records and every kind of bad one; returns the expected (ecg_id, reason) pairs.

    The files that records try to reach outside the folder exist, next to it, and are sound.
    """
    rows = write_good_folder(folder, good)
    expected: list[tuple[str, Reason]] = []

    def add(ecg_id: int, reason: Reason, /, **cells: object) -> None:
        rows.append(row(ecg_id, **cells))
        expected.append((str(rows[-1]["ecg_id"]), reason))

    _add_bad_rows(folder, add)
    _add_outside_paths(folder, add)
    _add_bad_headers(folder, add)
    _add_bad_signals(folder, add)
    write_tables(folder, rows)
    return sorted(expected)


def _add_bad_rows(folder: Path, add: Callable[..., None]) -> None:
    bad_cells: list[tuple[Reason, dict[str, object]]] = [
        (Reason.UNREADABLE_CELL, {"ecg_id": "1o1"}),
        (Reason.UNREADABLE_CELL, {"age": "old"}),
        (Reason.UNREADABLE_CELL, {"sex": "2"}),
        (Reason.INVALID_PATIENT, {"patient_id": ""}),
        (Reason.INVALID_PATIENT, {"patient_id": "12.5"}),
        (Reason.INVALID_FOLD, {"strat_fold": 11}),
        (Reason.INVALID_FOLD, {"strat_fold": ""}),
        (Reason.UNREADABLE_CODES, {"scp_codes": "{'NORM': 100.0"}),
        (Reason.UNREADABLE_CODES, {"scp_codes": "__import__('os').mkdir('evaluated')"}),
        (Reason.UNREADABLE_CODES, {"scp_codes": "['NORM']"}),
        (Reason.UNKNOWN_STATEMENT, {"scp_codes": "{'NORM': 100.0, 'NOPE': 0.0}"}),
        (Reason.PATIENT_IN_TWO_FOLDS, {"patient_id": "77.0", "strat_fold": 1}),
        (Reason.PATIENT_IN_TWO_FOLDS, {"patient_id": "77.0", "strat_fold": 9}),
        (Reason.DUPLICATE_ECG_ID, {"ecg_id": 150}),
        (Reason.DUPLICATE_ECG_ID, {"ecg_id": 150}),
        (Reason.DUPLICATE_FILE, {"filename_lr": filename(160)}),
        (Reason.DUPLICATE_FILE, {"filename_lr": filename(160)}),
    ]
    for ecg_id, (reason, cells) in enumerate(bad_cells, start=101):
        add(ecg_id, reason, **cells)
        write_record(folder / filename(ecg_id), signal(ecg_id))
    write_record(folder / filename(160), signal(160))


def _add_outside_paths(folder: Path, add: Callable[..., None]) -> None:
    outside = folder.parent / "outside" / "00001_lr"
    write_record(outside, signal(1))
    reason = Reason.PATH_OUTSIDE_FOLDER
    add(201, reason, filename_lr="../outside/00001_lr")
    add(202, reason, filename_lr=str(outside))
    add(203, reason, filename_lr="records100/../../outside/00001_lr")
    add(204, reason, filename_lr=f"file://{outside}")
    (folder / "records100/linked").symlink_to(outside.parent)
    add(205, reason, filename_lr="records100/linked/00001_lr")
    write_record(folder / "extra/00208_lr", signal(208))  # whole, but where the stage does not watch
    add(208, reason, filename_lr="extra/00208_lr")
    header_to_parent = [
        line.replace("x.dat", "../outside/00001_lr.dat") for line in header_lines("x", signal(1))
    ]
    write_record(folder / filename(206), signal(206), lines=header_to_parent)
    add(206, reason)
    write_record(folder / filename(207), signal(207))
    (folder / f"{filename(207)}.dat").unlink()
    (folder / f"{filename(207)}.dat").symlink_to(outside.with_name("00001_lr.dat"))
    add(207, reason)


def _add_bad_headers(folder: Path, add: Callable[..., None]) -> None:
    def bad(ecg_id: int, reason: Reason, adc: np.ndarray | None = None, **header: object) -> None:
        write_record(folder / filename(ecg_id), signal(ecg_id) if adc is None else adc, **header)  # type: ignore[arg-type]
        add(ecg_id, reason)

    add(301, Reason.MISSING_HEADER)
    add(313, Reason.UNREADABLE_FILE, filename_lr=f"records100/{'x' * 300}")
    bad(302, Reason.UNREADABLE_HEADER, lines=["this is no header"])
    bad(303, Reason.UNREADABLE_HEADER, lines=[])
    bad(304, Reason.UNREADABLE_HEADER, lines=header_lines("00304_lr", signal(304))[:7])
    bad(305, Reason.UNREADABLE_HEADER, lines=header_lines("00305_lr", signal(305), scale="1.0(0)/µV"))
    skewed = [
        line.replace(".dat 16 ", ".dat 16:999999999 ") for line in header_lines("00314_lr", signal(314))
    ]
    bad(314, Reason.UNREADABLE_HEADER, lines=skewed)
    bad(315, Reason.UNREADABLE_HEADER, scale=f"1000.0({'9' * 400})/mV")
    bad(316, Reason.NO_GAIN, scale="0(0)/mV")
    bad(317, Reason.NO_GAIN, scale="/mV")
    bad(306, Reason.UNKNOWN_LEAD, leads=("MLII", *LEADS[1:]))
    bad(307, Reason.DUPLICATE_LEAD, leads=("I", "I", *LEADS[2:]))
    bad(308, Reason.MISSING_LEAD, adc=signal(308, leads=11), leads=LEADS[:-1])
    bad(309, Reason.UNKNOWN_UNITS, scale="1000.0(0)/mmHg")
    bad(310, Reason.WRONG_RATE, rate=500)
    bad(311, Reason.WRONG_LENGTH, adc=signal(311, samples=900))
    bad(312, Reason.TRUNCATED_SIGNAL, adc=signal(312, samples=900), samples=1000)


def _add_bad_signals(folder: Path, add: Callable[..., None]) -> None:
    write_record(folder / filename(401), signal(401))
    (folder / f"{filename(401)}.dat").unlink()
    add(401, Reason.MISSING_SIGNAL)

    write_record(folder / filename(406), signal(1))
    add(406, Reason.DUPLICATE_SAMPLES)

    altered = signal(402)
    altered[500, 3] += 1
    write_record(folder / filename(402), altered, lines=header_lines("00402_lr", signal(402)))
    add(402, Reason.CHECKSUM_MISMATCH)

    for ecg_id, reason, rows, value in (
        (403, Reason.INVALID_SAMPLES, slice(10, 12), -(2**15)),
        (404, Reason.BEYOND_AMPLITUDE_LIMIT, slice(10, 12), 20_001),
        (405, Reason.FLAT_LEAD, slice(None), 7),
    ):
        adc = signal(ecg_id)
        adc[rows, 5] = value
        write_record(folder / filename(ecg_id), adc)
        add(ecg_id, reason)
