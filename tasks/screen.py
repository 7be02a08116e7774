"""What a batch of new records is worth: which may be used, and whether they differ from those learnt from.

A process of its own, outside of DVC: `python -m tasks.screen BATCH OUT CHAMPION [PARENT]` in a workspace writes
accepted.csv, quarantine.csv, drift.csv and screening.json into the empty folder OUT; `flows.retrain` runs it, and it
ends with the process PARENT.
"""

import csv
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import Classifier
from models.drift_features import ModelFeatures
from models.runtime import make_deterministic
from tasks.ingest import ingest, write_quarantine
from tasks.params.ingest import IngestParams
from tasks.params.reading import read_section
from tasks.params.retrain import DriftParams
from tasks.params.train import ComputeParams
from tasks.parent import end_with
from tasks.stage import OUT, run, write_json
from tasks.train import LEARNT
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import Quarantined, Reason
from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.drift.features import signal_features
from veribeat.signal.device_shift import shifted_devices, signal_levels
from veribeat.signal.screening import Screening
from veribeat.signal.stored_units import from_units

RECORD_COLUMNS = ["ecg_id", "patient_id", "fold", "age", "device", "filename", *SUPERCLASSES]


@dataclass(frozen=True)
class Records:
    """Some records: their rows of the table, and signals (N, 1000, 12) in mV."""

    table: pd.DataFrame
    signals_mv: NDArray[np.float32]

    @classmethod
    def read(cls, folder: Path, wanted: NDArray[np.int64] | None = None) -> "Records":
        """From the outputs of an ingest; only those with an ecg_id among `wanted`, if given."""
        table = pd.read_parquet(folder / "records.parquet", columns=RECORD_COLUMNS)
        signals = np.load(folder / "signals.npy", mmap_mode="r")
        if wanted is None:
            return cls(table, from_units(signals[:]))
        rows = np.flatnonzero(table["ecg_id"].isin(wanted))
        return cls(table.iloc[rows].reset_index(drop=True), from_units(signals[rows]))

    def only(self, kept: NDArray[np.bool_]) -> "Records":
        """Those that a mask picks."""
        return Records(self.table[kept].reset_index(drop=True), self.signals_mv[kept])


def screen(
    batch: Path,
    cohort: Path,
    champion: Path,
    out: Path,
    ingest_params: IngestParams,
    drift: DriftParams,
) -> None:
    """Write what is found of the PTB-XL folder `batch` into the empty folder `out`.

    - accepted.csv: ecg_id and filename of the records that may be used;
    - quarantine.csv: the others with their reasons: those of `ingest`, known to the cohort, a defect
      (`veribeat.signal.screening`), or a device that differs (`veribeat.signal.device_shift`);
    - drift.csv: the accepted records against those that the champion has learnt from (`veribeat.drift`);
    - screening.json: counts.

    `cohort` holds the outputs of the stage `ingest`, `champion` is the champion's release. Raises InputError when the
    batch's tables cannot be read.
    """
    generator = np.random.default_rng(drift.seed)
    learnt = pd.read_csv(champion / LEARNT)["ecg_id"].to_numpy(dtype=np.int64)
    known = pd.read_parquet(cohort / "records.parquet", columns=["ecg_id", "patient_id", "fold"])
    sample = np.sort(generator.permutation(learnt)[: drift.reference_records])
    reference = Records.read(cohort, sample)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        read = Path(scratch)
        ingest(batch, read, ingest_params.model_copy(update={"max_quarantined": 1.0}))
        found = Records.read(read)
        with (read / "quarantine.csv").open(encoding="utf-8", newline="") as file:
            unreadable = list(csv.DictReader(file))
    quarantined = [
        Quarantined(row["ecg_id"], row["file"], Reason(row["reason"]), row["detail"]) for row in unreadable
    ]
    came, screening = found, Screening.fit(reference.signals_mv)
    for check in (lambda records: _clashes(records.table, known), _Defects(screening), _Devices(reference)):
        reasons = check(found)
        quarantined += _listed(found.table, reasons)
        found = found.only(np.array([reason is None for reason in reasons], dtype=np.bool_))
    write_quarantine(quarantined, out / "quarantine.csv")
    accepted = found.table[["ecg_id", "filename"]]
    accepted.to_csv(out / "accepted.csv", index=False, lineterminator="\n")
    refused = ~came.table["ecg_id"].isin(accepted["ecg_id"]).to_numpy()
    judged = _drift(reference, came, refused, screening, Classifier.load(champion), drift)
    judged.to_csv(out / "drift.csv", index=False, float_format="%.6g", lineterminator="\n")
    counts = pd.Series([str(each.reason) for each in quarantined]).value_counts().sort_index()
    drifted = judged[judged["drifted"]]
    write_json(
        out / "screening.json",
        {
            "records": len(accepted) + len(quarantined),
            "accepted": len(accepted),
            "quarantined": {str(reason): int(count) for reason, count in counts.items()},
            "drifted": [f"{row.feature} ({row.device})" for row in drifted.itertuples(index=False)],
        },
    )


Finding = tuple[Reason, str] | None


def _clashes(table: pd.DataFrame, known: pd.DataFrame) -> list[Finding]:
    """Records that the cohort has already, or whose patient is in another fold there."""
    in_cohort = set(known["ecg_id"].tolist())
    fold_of = dict(zip(known["patient_id"].tolist(), known["fold"].tolist(), strict=True))
    reasons: list[Finding] = []
    for row in table[["ecg_id", "patient_id", "fold"]].itertuples(index=False):
        other = fold_of.get(row.patient_id, row.fold)
        if row.ecg_id in in_cohort:
            reasons.append((Reason.DUPLICATE_ECG_ID, "the cohort has a record with this ecg_id"))
        elif other != row.fold:
            detail = f"patient {row.patient_id} has records in fold {other} of the cohort, here in {row.fold}"
            reasons.append((Reason.PATIENT_IN_TWO_FOLDS, detail))
        else:
            reasons.append(None)
    return reasons


class _Defects:
    """Electrodes that are off or exchanged, and hum."""

    def __init__(self, screening: Screening) -> None:
        self.screening = screening

    def __call__(self, records: Records) -> list[Finding]:
        findings = self.screening.screen(records.signals_mv) if len(records.table) else []
        return [None if each is None else (Reason(str(each.reason)), each.detail) for each in findings]


class _Devices:
    """Devices whose gain or noise is another than that of the records learnt from."""

    def __init__(self, reference: Records) -> None:
        self.levels = signal_levels(reference.signals_mv)
        self.devices = _device_names(reference.table)

    def __call__(self, records: Records) -> list[Finding]:
        if not len(records.table):
            return []
        devices = _device_names(records.table)
        shifted = {
            shift.device: str(shift)
            for shift in shifted_devices(
                signal_levels(records.signals_mv), devices, self.levels, self.devices
            )
        }
        return [(Reason.DEVICE_DIFFERS, shifted[name]) if name in shifted else None for name in devices]


def _device_names(table: pd.DataFrame) -> list[str]:
    """Spaces in order, as on the data card."""
    return [" ".join(name.split()) for name in table["device"]]


def _listed(table: pd.DataFrame, reasons: Iterable[Finding]) -> list[Quarantined]:
    rows = zip(table["ecg_id"], table["filename"], reasons, strict=True)
    return [
        Quarantined(str(ecg_id), filename, *reason) for ecg_id, filename, reason in rows if reason is not None
    ]


def _drift(
    reference: Records,
    batch: Records,
    refused: NDArray[np.bool_],
    screening: Screening,
    champion: Classifier,
    params: DriftParams,
) -> pd.DataFrame:
    """What came, the records that were refused included: how many these are is watched, too."""
    model = ModelFeatures.fit(champion, reference.signals_mv)
    usual = np.array([finding is not None for finding in screening.screen(reference.signals_mv)])

    def features(records: Records, refused: NDArray[np.bool_]) -> pd.DataFrame:
        columns = records.table[["device", *SUPERCLASSES, "age"]].assign(device=_device_names(records.table))
        return pd.concat(
            [
                columns.assign(refused=refused),
                signal_features(records.signals_mv),
                model.of(records.signals_mv),
            ],
            axis=1,
        )

    settings = DriftSettings(**params.model_dump(exclude={"reference_records", "seed"}))
    return judge_batch(features(reference, usual), features(batch, refused), settings)


def main() -> None:
    """Screen the batch named on the command line."""
    *folders, parent = sys.argv[1:] if len(sys.argv) > 4 else [*sys.argv[1:], ""]
    if parent:
        end_with(int(parent))  # the next flow screens into the same folder as one that was killed
    batch, out, champion = map(Path, folders)
    make_deterministic(read_section(ComputeParams, "compute").threads)
    screen(
        batch,
        OUT / "ingest",
        champion,
        out,
        read_section(IngestParams, "ingest"),
        read_section(DriftParams, "retrain", "drift"),
    )


if __name__ == "__main__":
    run(main)
