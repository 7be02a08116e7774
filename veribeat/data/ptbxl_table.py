"""ptbxl_database.csv: from text cells to records, and which rows cannot be used."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from veribeat.conventions import SUPERCLASSES
from veribeat.data.cohort_checks import patients_in_several_folds, repeated
from veribeat.data.labels import read_scp_codes, superclasses_of
from veribeat.data.quarantine import Quarantined, Reason, RecordRejected

REQUIRED_COLUMNS = (
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

FOLDS = range(1, 11)
UNKNOWN_SEX = -1

WHOLE_NUMBER = re.compile(r"-?\d{1,18}(\.0*)?")  # PTB-XL writes patient_id as 15709.0
DECIMAL_NUMBER = re.compile(r"\d{1,18}(\.\d*)?")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Row:
    """The readable keys of one row; None where the cell cannot be read."""

    number: int
    cells: Mapping[str, str]
    ecg_id: int | None
    patient_id: int | None
    fold: int | None


def whole_number(text: str) -> int | None:
    """A non-negative whole number, or None."""
    text = text.strip()
    if not WHOLE_NUMBER.fullmatch(text) or text.startswith("-"):
        return None
    return int(text.partition(".")[0])


def select_rows(
    rows: Sequence[Mapping[str, str]], superclass_by_code: Mapping[str, str | None]
) -> tuple[pd.DataFrame, list[Quarantined]]:
    """The usable rows as a records table sorted by ecg_id, and the others with their first reason.

    `rows` are the rows of ptbxl_database.csv as text, with at least REQUIRED_COLUMNS. Nothing is opened here:
    `veribeat.data.wfdb_record` finds out whether a record's files can be read. Details count rows from 1, the
    header excluded.
    """
    keys = [
        Row(
            number,
            cells,
            whole_number(cells["ecg_id"]),
            whole_number(cells["patient_id"]),
            _fold(cells["strat_fold"]),
        )
        for number, cells in enumerate(rows, start=1)
    ]
    id_counts = repeated(row.ecg_id for row in keys if row.ecg_id is not None)
    file_counts = repeated(row.cells["filename_lr"] for row in keys)
    split_patients = patients_in_several_folds(
        (row.patient_id, row.fold) for row in keys if row.patient_id is not None and row.fold is not None
    )
    records, quarantined = [], []
    for row in keys:
        try:
            record = _record(row, id_counts, split_patients, superclass_by_code)
            _check_file_once(row, file_counts)
        except RecordRejected as rejection:
            quarantined.append(
                Quarantined(row.cells["ecg_id"], row.cells["filename_lr"], rejection.reason, rejection.detail)
            )
        else:
            records.append(record)
    return as_table(records), quarantined


def _fold(text: str) -> int | None:
    fold = whole_number(text)
    return fold if fold in FOLDS else None


def _record(
    row: Row,
    id_counts: Mapping[int, int],
    split_patients: Mapping[int, tuple[int, ...]],
    superclass_by_code: Mapping[str, str | None],
) -> dict[str, object]:
    cells = row.cells
    if row.ecg_id is None:
        raise _unreadable(row, "ecg_id", "a whole number")
    age, sex = _age(row), _sex(row)
    if row.ecg_id in id_counts:
        raise RecordRejected(Reason.DUPLICATE_ECG_ID, f"{id_counts[row.ecg_id]} rows have this ecg_id")
    if row.patient_id is None:
        raise RecordRejected(
            Reason.INVALID_PATIENT, f"row {row.number}: patient_id is {cells['patient_id']!r}"
        )
    if row.fold is None:
        raise RecordRejected(
            Reason.INVALID_FOLD, f"row {row.number}: strat_fold is {cells['strat_fold']!r}, not 1 to 10"
        )
    if row.patient_id in split_patients:
        folds = ", ".join(map(str, split_patients[row.patient_id]))
        raise RecordRejected(
            Reason.PATIENT_IN_TWO_FOLDS, f"patient {row.patient_id} has records in folds {folds}"
        )
    return {
        "ecg_id": row.ecg_id,
        "patient_id": row.patient_id,
        "age": age,
        "sex": sex,
        "device": cells["device"],
        "fold": row.fold,
        "recording_date": cells["recording_date"],
        "filename": cells["filename_lr"],
        **superclasses_of(read_scp_codes(cells["scp_codes"]), superclass_by_code),
    }


def _check_file_once(row: Row, file_counts: Mapping[str, int]) -> None:
    file = row.cells["filename_lr"]
    if file in file_counts:
        raise RecordRejected(Reason.DUPLICATE_FILE, f"{file_counts[file]} rows name the file {file!r}")


def _age(row: Row) -> float:
    text = row.cells["age"].strip()
    if not text:
        return math.nan
    if not DECIMAL_NUMBER.fullmatch(text):
        raise _unreadable(row, "age", "a number of years or empty")
    return float(text)


def _sex(row: Row) -> int:
    text = row.cells["sex"].strip()
    if not text:
        return UNKNOWN_SEX
    sex = whole_number(text)
    if sex not in (0, 1):
        raise _unreadable(row, "sex", "0 (male), 1 (female) or empty")
    return sex


def _unreadable(row: Row, column: str, expected: str) -> RecordRejected:
    return RecordRejected(
        Reason.UNREADABLE_CELL,
        f"row {row.number}: {column} is {row.cells[column][:60]!r}, expected {expected}",
    )


COLUMN_TYPES = {
    "ecg_id": "int64",
    "patient_id": "int64",
    "age": "float64",
    "sex": "int8",
    "device": "object",
    "fold": "int8",
    "recording_date": "object",
    "filename": "object",
    **dict.fromkeys(SUPERCLASSES, "bool"),
}


def as_table(records: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Records as a table with fixed columns and types, sorted by ecg_id; also for an empty list."""
    table = pd.DataFrame(list(records), columns=list(COLUMN_TYPES)).astype(COLUMN_TYPES)
    return table.sort_values("ecg_id", ignore_index=True)
