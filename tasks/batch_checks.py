"""Why a record of a batch may not be used: each check says it of some records, one after the other."""

import pandas as pd

from tasks.batch_reference import Records
from veribeat.data.quarantine import Reason
from veribeat.data.samples_digest import samples_digest
from veribeat.signal.device_shift import shifted_devices, signal_levels
from veribeat.signal.screening import Screening

Finding = tuple[Reason, str] | None
"""What is wrong with one record, or nothing."""


class Clashes:
    """Records that the cohort has already, or has left out, or whose patient is in another fold there."""

    def __init__(self, known: pd.DataFrame, unusable: frozenset[int], samples: frozenset[str]) -> None:
        self.unusable, self.samples = unusable, samples
        self.ecg_ids = set(known["ecg_id"].tolist())
        self.folds = dict(zip(known["patient_id"].tolist(), known["fold"].tolist(), strict=True))

    def findings(self, records: Records) -> list[Finding]:
        """For each record."""
        columns = (records.table[name].tolist() for name in ("ecg_id", "patient_id", "fold"))
        return [self._of(*row) for row in zip(*columns, map(samples_digest, records.signals), strict=True)]

    def _of(self, ecg_id: int, patient: int, fold: int, samples: str) -> Finding:
        if ecg_id in self.ecg_ids:
            return Reason.DUPLICATE_ECG_ID, "the cohort has a record with this ecg_id"
        if ecg_id in self.unusable:
            return Reason.DUPLICATE_ECG_ID, "the cohort's quarantine has a record with this ecg_id"
        other = self.folds.get(patient, fold)
        if other != fold:
            detail = f"patient {patient} has records in fold {other} of the cohort, here in {fold}"
            return Reason.PATIENT_IN_TWO_FOLDS, detail
        if samples in self.samples:
            return Reason.DUPLICATE_SAMPLES, "the cohort has a record with the same samples"
        return None


class Defects:
    """Electrodes that are off or exchanged, and hum."""

    def __init__(self, screening: Screening) -> None:
        self.screening = screening

    def findings(self, records: Records) -> list[Finding]:
        """For each record."""
        findings = self.screening.screen(records.signals_mv) if len(records.table) else []
        return [None if each is None else (Reason(str(each.reason)), each.detail) for each in findings]


class Devices:
    """Devices whose gain or noise is another than that of the records learnt from."""

    def __init__(self, learnt: Records) -> None:
        self.levels = signal_levels(learnt.signals_mv)
        self.devices = learnt.table["device"].tolist()

    def findings(self, records: Records) -> list[Finding]:
        """For each record."""
        if not len(records.table):
            return []
        devices = records.table["device"].tolist()
        found = shifted_devices(signal_levels(records.signals_mv), devices, self.levels, self.devices)
        shifted = {shift.device: str(shift) for shift in found}
        return [(Reason.DEVICE_DIFFERS, shifted[name]) if name in shifted else None for name in devices]
