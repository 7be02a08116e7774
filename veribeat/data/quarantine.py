"""Records that are not used: every one is listed with its reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from veribeat.errors import InputError


class Reason(StrEnum):
    """Why a record is quarantined, in the order of checking: a record is listed with its first reason."""

    UNREADABLE_CELL = "unreadable cell"
    DUPLICATE_ECG_ID = "duplicate ecg_id"
    INVALID_PATIENT = "invalid patient_id"
    INVALID_FOLD = "invalid fold"
    PATIENT_IN_TWO_FOLDS = "patient in two folds"
    UNREADABLE_CODES = "unreadable scp_codes"
    UNKNOWN_STATEMENT = "unknown statement"
    DUPLICATE_FILE = "file listed twice"
    PATH_OUTSIDE_FOLDER = "path outside the folder"
    UNREADABLE_FILE = "unreadable file"
    MISSING_HEADER = "missing header"
    UNREADABLE_HEADER = "unreadable header"
    NO_GAIN = "no gain"
    UNKNOWN_LEAD = "unknown lead"
    DUPLICATE_LEAD = "duplicate lead"
    MISSING_LEAD = "missing lead"
    UNKNOWN_UNITS = "unknown units"
    WRONG_RATE = "wrong sampling rate"
    WRONG_LENGTH = "wrong length"
    MISSING_SIGNAL = "missing signal"
    TRUNCATED_SIGNAL = "truncated signal"
    CHECKSUM_MISMATCH = "checksum mismatch"
    INVALID_SAMPLES = "invalid samples"
    BEYOND_AMPLITUDE_LIMIT = "beyond the amplitude limit"
    FLAT_LEAD = "flat lead"
    DUPLICATE_SAMPLES = "same samples as another"
    MAINS_HUM = "mains hum"
    ELECTRODE_OFF = "electrode off"
    LEADS_SWAPPED = "leads swapped"
    DEVICE_DIFFERS = "device differs"


SCREENED = frozenset({Reason.MAINS_HUM, Reason.ELECTRODE_OFF, Reason.LEADS_SWAPPED, Reason.DEVICE_DIFFERS})
"""Reasons of the screening of incoming batches; `ingest` takes such records as they are."""


class RecordRejected(Exception):
    """One record cannot be used; `ingest` lists it in the quarantine and goes on."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both in args, so that it survives pickling between processes
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Quarantined:
    """One row of quarantine.csv; ecg_id is text because it may be the unreadable cell."""

    ecg_id: str
    file: str
    reason: Reason
    detail: str


def counts_by_reason(quarantined: Sequence[Quarantined]) -> dict[Reason, int]:
    """Rows per reason, the commonest first (ties in the order of checking)."""
    counts = Counter(row.reason for row in quarantined)
    order = list(Reason)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], order.index(item[0]))))


def check_share(quarantined: Sequence[Quarantined], total: int, limit: float) -> None:
    """Raise InputError when more than the share `limit` of `total` rows is quarantined, or all of them."""
    if len(quarantined) <= limit * total and len(quarantined) < total:
        return
    counts = counts_by_reason(quarantined)
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    commonest = next(iter(counts))
    example = next(row for row in quarantined if row.reason == commonest)
    share = f"{len(quarantined)} of {total} records ({len(quarantined) / total:.1%}) cannot be used"
    if len(quarantined) < total:
        share += f", more than ingest.max_quarantined allows ({limit:.1%})"
    raise InputError(
        f"{share}: {reasons}; for example ecg_id {example.ecg_id} "
        f"({example.file}): {example.detail}; repair the folder or raise ingest.max_quarantined."
    )
