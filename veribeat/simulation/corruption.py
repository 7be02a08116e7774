"""Damage that ingest has to catch, done to a known share of a simulated cohort."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.simulation.labels import BoolArray, IntArray
from veribeat.simulation.wfdb_format import RecordFiles, record_files


class Kind(StrEnum):
    """Kinds of corruption, in the order in which a cohort gets them, named as ingest names its reasons."""

    MISSING_SIGNAL = "missing signal"
    UNREADABLE_CODES = "unreadable scp_codes"
    FLAT_LEAD = "flat lead"
    DUPLICATE_ECG_ID = "duplicate ecg_id"
    CHECKSUM_MISMATCH = "checksum mismatch"
    INVALID_SAMPLES = "invalid samples"
    UNKNOWN_STATEMENT = "unknown statement"
    PATIENT_IN_TWO_FOLDS = "patient in two folds"
    TRUNCATED_SIGNAL = "truncated signal"
    UNKNOWN_LEAD = "unknown lead"
    PATH_OUTSIDE = "path outside the folder"
    WRONG_LENGTH = "wrong length"
    WRONG_RATE = "wrong sampling rate"
    BEYOND_LIMIT = "beyond the amplitude limit"


ROWS_TOUCHED = {Kind.DUPLICATE_ECG_ID: 2, Kind.PATIENT_IN_TWO_FOLDS: 2}
"""Rows of the database that a kind makes unusable, where it is not one."""

INVALID_SAMPLE = -32768
"""What WFDB format 16 stores for "no valid sample"."""

UNKNOWN_STATEMENT = "NOTSCP"


@dataclass(frozen=True)
class Corruption:
    """One damage: `row` (position in the cohort), its kind, and for two patients' mix-up the other row."""

    row: int
    kind: Kind
    other_row: int | None = None


def plan_corruption(
    table: pd.DataFrame, targets: BoolArray, share: float, rng: np.random.Generator
) -> list[Corruption]:
    """Choose what to damage: round(share * N) rows of the database become unusable, every kind in turn.

    `table` has PTB-XL's columns, `targets` (N, 5) the superclasses as given. Records are taken at random, but never
    the last ones of a superclass in a fold as long as others can be had.
    """
    budget = round(share * len(table))
    order = _order_of_victims(table, targets, rng)
    alone = ~table["patient_id"].duplicated(keep=False).to_numpy()
    fold = table["strat_fold"].to_numpy()
    plan: list[Corruption] = []
    for kind in _kinds(budget):
        if kind is Kind.PATIENT_IN_TWO_FOLDS:
            pair = _pair(order, alone, fold)
            if pair is None:
                continue
            plan.append(Corruption(pair[0], kind, pair[1]))
            order = [row for row in order if row not in pair]
        else:
            plan.append(Corruption(order.pop(0), kind))
    return sorted(plan, key=lambda item: item.row)


def _kinds(budget: int) -> list[Kind]:
    """Kinds in their order, again and again, until no row is left to damage."""
    chosen: list[Kind] = []
    while budget > 0:
        for kind in Kind:
            if ROWS_TOUCHED.get(kind, 1) <= budget:
                chosen.append(kind)
                budget -= ROWS_TOUCHED.get(kind, 1)
    return chosen


def _order_of_victims(table: pd.DataFrame, targets: BoolArray, rng: np.random.Generator) -> list[int]:
    """All rows in random order, those that a fold needs for one of its superclasses last."""
    fold = table["strat_fold"].to_numpy(dtype=np.int64)
    content = np.column_stack([targets, np.ones(len(targets), dtype=bool)])
    left = np.zeros((fold.max() + 1, len(SUPERCLASSES) + 1))
    np.add.at(left, fold, content)
    spare, needed = [], []
    for row in rng.permutation(len(table)):
        if (left[fold[row]][content[row]] > 2).all():
            left[fold[row]] -= content[row]
            spare.append(int(row))
        else:
            needed.append(int(row))
    return spare + needed


def _pair(order: list[int], alone: BoolArray, fold: IntArray) -> tuple[int, int] | None:
    """The first two rows of patients with one record each, in different folds."""
    single = [row for row in order if alone[row]]
    for other in single[1:]:
        if fold[other] != fold[single[0]]:
            return single[0], other
    return None


def corrupt_tables(
    table: pd.DataFrame, truth: pd.DataFrame, plan: list[Corruption]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the damaged database and the truth with its columns `corruption` and `corruption_detail` filled.

    A duplicate ecg_id adds a row to the database. Two patients made one leave two rows that nobody can tell apart
    any more, so the truth lists both.
    """
    table, truth = table.copy(), truth.copy()
    for item in plan:
        rows = [item.row] if item.other_row is None else [item.row, item.other_row]
        damage = TABLE_DAMAGE.get(item.kind)
        detail = "" if damage is None else damage(table, rows)
        truth.loc[rows, "corruption"] = str(item.kind)
        truth.loc[rows, "corruption_detail"] = detail
    repeated = [item.row for item in plan if item.kind is Kind.DUPLICATE_ECG_ID]
    table = pd.concat([table, table.loc[repeated]]).sort_values("ecg_id", kind="stable", ignore_index=True)
    return table, truth


def _unreadable_codes(table: pd.DataFrame, rows: list[int]) -> str:
    table.loc[rows, "scp_codes"] = str(table.loc[rows[0], "scp_codes"]).rstrip("}")
    return "scp_codes lacks its closing brace"


def _unknown_statement(table: pd.DataFrame, rows: list[int]) -> str:
    table.loc[rows, "scp_codes"] = str({UNKNOWN_STATEMENT: 100.0, "SR": 0.0})
    return f"statement {UNKNOWN_STATEMENT}"


def _path_outside(table: pd.DataFrame, rows: list[int]) -> str:
    name = str(table.loc[rows[0], "filename_lr"]).rsplit("/", 1)[1]
    table.loc[rows, "filename_lr"] = f"../outside/{name}"
    return "filename_lr begins with .."


def _row_twice(table: pd.DataFrame, rows: list[int]) -> str:
    """Say so only: `corrupt_tables` adds the rows when all others are done."""
    return "its row stands twice in the database"


def _one_patient(table: pd.DataFrame, rows: list[int]) -> str:
    patient = float(table["patient_id"].iloc[rows[-1]])
    table.loc[rows, "patient_id"] = patient
    records = " and ".join(str(ecg_id) for ecg_id in table.loc[rows, "ecg_id"])
    return f"ecg_id {records} both say patient {patient:.0f}"


TABLE_DAMAGE: dict[Kind, Callable[[pd.DataFrame, list[int]], str]] = {
    Kind.UNREADABLE_CODES: _unreadable_codes,
    Kind.UNKNOWN_STATEMENT: _unknown_statement,
    Kind.PATH_OUTSIDE: _path_outside,
    Kind.DUPLICATE_ECG_ID: _row_twice,
    Kind.PATIENT_IN_TWO_FOLDS: _one_patient,
}
"""What changes the database in place for the given rows, and the detail that the truth lists."""


def corrupted_record(name: str, signal: NDArray[np.int16], kind: Kind) -> RecordFiles:
    """Return the WFDB files of a record with a damage of `kind`; undamaged where the damage is in the tables.

    `signal` is int16 (1000, 12).
    """
    damage = RECORD_DAMAGE.get(kind)
    return record_files(name, signal) if damage is None else damage(name, signal)


def _missing_signal(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return replace(record_files(name, signal), samples=None)


def _truncated(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    kept = signal[: RECORD_SAMPLES * 3 // 5]
    return replace(record_files(name, signal), samples=record_files(name, kept).samples)


def _checksum_mismatch(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    changed = signal.copy()
    changed[RECORD_SAMPLES // 3 : RECORD_SAMPLES // 3 + 7, 6] += 1
    return replace(record_files(name, signal), samples=record_files(name, changed).samples)


def _with_samples(lead: int, value: int, name: str, signal: NDArray[np.int16]) -> RecordFiles:
    changed = signal.copy()
    changed[400:450, lead] = value
    return record_files(name, changed)


def _invalid_samples(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return _with_samples(8, INVALID_SAMPLE, name, signal)


def _beyond_limit(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return _with_samples(10, 25_000, name, signal)


def _flat_lead(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    changed = signal.copy()
    changed[:, 11] = 0
    return record_files(name, changed)


def _unknown_lead(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return record_files(name, signal, leads=(*LEADS[:-1], "V9"))


def _wrong_length(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return record_files(name, signal[: RECORD_SAMPLES // 2])


def _wrong_rate(name: str, signal: NDArray[np.int16]) -> RecordFiles:
    return record_files(name, signal, sampling_rate=500)


RECORD_DAMAGE: dict[Kind, Callable[[str, NDArray[np.int16]], RecordFiles]] = {
    Kind.MISSING_SIGNAL: _missing_signal,
    Kind.TRUNCATED_SIGNAL: _truncated,
    Kind.CHECKSUM_MISMATCH: _checksum_mismatch,
    Kind.INVALID_SAMPLES: _invalid_samples,
    Kind.BEYOND_LIMIT: _beyond_limit,
    Kind.FLAT_LEAD: _flat_lead,
    Kind.UNKNOWN_LEAD: _unknown_lead,
    Kind.WRONG_LENGTH: _wrong_length,
    Kind.WRONG_RATE: _wrong_rate,
}
