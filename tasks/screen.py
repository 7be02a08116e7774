"""What a batch of new records is worth: which may be used, and whether they differ from those learnt from.

A process of its own, outside of DVC: `python -m tasks.screen BATCH OUT CHAMPION SOURCE [EARLIER ACCEPTED]... PARENT` in
a workspace writes accepted.csv, quarantine.csv, drift.csv and screening.json into the empty folder OUT; `flows.retrain`
runs it. SOURCE is the folder of the cohort's first records, EARLIER a batch of the same update that was screened
before, ACCEPTED its accepted.csv. Exit code 3 is for a batch that cannot be used; 2, as of every stage, for other bad
input.
"""

import csv
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import Classifier
from models.drift_features import EmbeddingMap, ModelView, model_features, view_records
from models.runtime import make_deterministic
from tasks.file_names import LEARNT, RECORDS_TABLE
from tasks.ingest import ingest, read_csv, read_statements, write_quarantine
from tasks.params.ingest import IngestParams
from tasks.params.reading import read_section
from tasks.params.retrain import DriftParams
from tasks.params.train import ComputeParams
from tasks.parent import end_with
from tasks.refused_batch import EXIT_BATCH_REFUSED, BatchRefused
from tasks.stage import OUT, run, write_json
from veribeat.conventions import SUPERCLASSES
from veribeat.data.ptbxl_table import REQUIRED_COLUMNS, whole_number
from veribeat.data.quarantine import Quarantined, Reason
from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.drift.features import signal_features
from veribeat.errors import InputError
from veribeat.signal.device_shift import shifted_devices, signal_levels
from veribeat.signal.screening import Screening
from veribeat.signal.stored_units import from_units

KNOWN_COLUMNS = ["ecg_id", "patient_id", "fold"]
RECORD_COLUMNS = ["ecg_id", "patient_id", "fold", "age", "device", "filename", *SUPERCLASSES]


@dataclass(frozen=True)
class Records:
    """Some records: their rows of the table, and stored signals (N, 1000, 12) in int16 units."""

    table: pd.DataFrame
    signals: NDArray[np.int16]

    @classmethod
    def read(cls, folder: Path, wanted: NDArray[np.int64] | None = None) -> "Records":
        """From the outputs of an ingest; only those with an ecg_id among `wanted`, if given."""
        table = pd.read_parquet(folder / "records.parquet", columns=RECORD_COLUMNS)
        # Spaces in order, as on the data card.
        table["device"] = [" ".join(name.split()) for name in table["device"]]
        signals = np.load(folder / "signals.npy", mmap_mode="r")
        rows = np.arange(len(table)) if wanted is None else np.flatnonzero(table["ecg_id"].isin(wanted))
        return cls(table.iloc[rows].reset_index(drop=True), signals[rows])

    @property
    def signals_mv(self) -> NDArray[np.float32]:
        """(N, 1000, 12) in mV."""
        return from_units(self.signals)

    def only(self, kept: NDArray[np.bool_]) -> "Records":
        """Those that a mask picks."""
        return Records(self.table[kept].reset_index(drop=True), self.signals[kept])


@dataclass(frozen=True)
class Reference:
    """What a batch is compared with: records that the champion learnt from, and others that it did not."""

    known: pd.DataFrame
    """ecg_id, patient_id and fold of the whole cohort, and of what earlier batches of the update add to it."""
    unusable: frozenset[int]
    """ecg_id of records that `ingest` has left out of the cohort: it would leave out one more of them, too."""
    codes: Mapping[str, str | None]
    """Statement -> superclass, of the cohort."""
    learnt: Records
    held_out: Records
    """Of validation: a model is surer of records that it has learnt from."""
    champion: Classifier

    @classmethod
    def read(
        cls,
        out: Path,
        champion: Path,
        source: Path,
        params: DriftParams,
        earlier: Sequence[tuple[Path, Path]] = (),
    ) -> "Reference":
        """From the outputs of the stages `ingest` and `split` below `out`, the champion's release, and `source`.

        `source` is the folder of the cohort's first records; `earlier` are batches of the same update that were
        screened before, with their lists of accepted records.
        """
        generator = np.random.default_rng(params.seed)
        learnt = pd.read_csv(champion / LEARNT)["ecg_id"].to_numpy(dtype=np.int64)
        roles = pd.read_parquet(out / "split" / "roles.parquet", columns=["ecg_id", "validation"])
        held_out = roles.loc[roles["validation"], "ecg_id"].to_numpy(dtype=np.int64)
        cohort = out / "ingest"

        def drawn(ids: NDArray[np.int64]) -> Records:
            return Records.read(cohort, generator.permutation(ids)[: params.reference_records])

        known = pd.read_parquet(cohort / "records.parquet", columns=KNOWN_COLUMNS)
        left_out = pd.read_csv(
            cohort / "quarantine.csv", usecols=["ecg_id"], dtype=str, keep_default_na=False
        )
        numbers = map(whole_number, left_out["ecg_id"])
        return cls(
            known=pd.concat([known, *(_to_be_known(*each) for each in earlier)], ignore_index=True),
            unusable=frozenset(number for number in numbers if number is not None),
            codes=read_statements(source),
            learnt=drawn(learnt),
            held_out=drawn(held_out),
            champion=Classifier.load(champion),
        )


def _to_be_known(batch: Path, accepted: Path) -> pd.DataFrame:
    """KNOWN_COLUMNS of the accepted records of a batch."""
    filenames = set(pd.read_csv(accepted, usecols=["filename"], dtype=str)["filename"])
    rows = [
        row for row in read_csv(batch / RECORDS_TABLE, REQUIRED_COLUMNS) if row["filename_lr"] in filenames
    ]
    cells = [[whole_number(row[name]) for name in ("ecg_id", "patient_id", "strat_fold")] for row in rows]
    return pd.DataFrame(cells, columns=KNOWN_COLUMNS, dtype=np.int64)


def screen(
    batch: Path, reference: Reference, out: Path, ingest_params: IngestParams, drift: DriftParams
) -> None:
    """Write what is found of the PTB-XL folder `batch` into the empty folder `out`.

    - accepted.csv: ecg_id and filename of the records that may be used;
    - quarantine.csv: the others with their reasons: those of `ingest`, known to the cohort, a defect
      (`veribeat.signal.screening`), or a device that differs (`veribeat.signal.device_shift`);
    - drift.csv: all records that can be read, against those that the champion has learnt from, or for what the champion
      makes of them, against those of validation (`veribeat.drift`);
    - screening.json: counts.

    Raises BatchRefused when the batch's tables cannot be read, or no record can; InputError when there is too little to
    compare it with.
    """
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        read = Path(scratch)
        try:
            lenient = ingest_params.model_copy(update={"max_quarantined": 1.0})
            ingest(batch, read, lenient, codes=reference.codes)
        except InputError as error:
            raise BatchRefused(str(error)) from error
        came = Records.read(read)
        with (read / "quarantine.csv").open(encoding="utf-8", newline="") as file:
            unreadable = list(csv.DictReader(file))
    quarantined = [
        Quarantined(row["ecg_id"], row["file"], Reason(row["reason"]), row["detail"]) for row in unreadable
    ]
    found, screening = came, Screening.fit(reference.learnt.signals_mv)
    for check in (
        _Clashes(reference.known, reference.unusable),
        _Defects(screening),
        _Devices(reference.learnt),
    ):
        reasons = check(found)
        quarantined += _listed(found.table, reasons)
        found = found.only(np.array([reason is None for reason in reasons], dtype=np.bool_))
    write_quarantine(quarantined, out / "quarantine.csv")
    accepted = found.table[["ecg_id", "filename"]]
    accepted.to_csv(out / "accepted.csv", index=False, lineterminator="\n")
    judged = _drift(reference, came, accepted["ecg_id"], screening, drift)
    judged.to_csv(out / "drift.csv", index=False, float_format="%.6g", lineterminator="\n")
    counts = pd.Series([str(each.reason) for each in quarantined]).value_counts().sort_index()
    write_json(
        out / "screening.json",
        {
            "records": len(accepted) + len(quarantined),
            "accepted": len(accepted),
            "quarantined": {str(reason): int(count) for reason, count in counts.items()},
            "drifted": [
                f"{row['feature']} ({row['device']})" for _, row in judged[judged["drifted"]].iterrows()
            ],
        },
    )


Finding = tuple[Reason, str] | None


class _Clashes:
    """Records that the cohort has already, or has left out, or whose patient is in another fold there."""

    def __init__(self, known: pd.DataFrame, unusable: frozenset[int]) -> None:
        self.unusable = unusable
        self.ecg_ids = set(known["ecg_id"].tolist())
        self.folds = dict(zip(known["patient_id"].tolist(), known["fold"].tolist(), strict=True))

    def __call__(self, records: Records) -> list[Finding]:
        columns = (records.table[name].tolist() for name in ("ecg_id", "patient_id", "fold"))
        return [self._of(*row) for row in zip(*columns, strict=True)]

    def _of(self, ecg_id: int, patient: int, fold: int) -> Finding:
        if ecg_id in self.ecg_ids:
            return Reason.DUPLICATE_ECG_ID, "the cohort has a record with this ecg_id"
        if ecg_id in self.unusable:
            return Reason.DUPLICATE_ECG_ID, "the cohort's quarantine has a record with this ecg_id"
        other = self.folds.get(patient, fold)
        if other != fold:
            detail = f"patient {patient} has records in fold {other} of the cohort, here in {fold}"
            return Reason.PATIENT_IN_TWO_FOLDS, detail
        return None


class _Defects:
    """Electrodes that are off or exchanged, and hum."""

    def __init__(self, screening: Screening) -> None:
        self.screening = screening

    def __call__(self, records: Records) -> list[Finding]:
        findings = self.screening.screen(records.signals_mv) if len(records.table) else []
        return [None if each is None else (Reason(str(each.reason)), each.detail) for each in findings]


class _Devices:
    """Devices whose gain or noise is another than that of the records learnt from."""

    def __init__(self, learnt: Records) -> None:
        self.levels = signal_levels(learnt.signals_mv)
        self.devices = learnt.table["device"].tolist()

    def __call__(self, records: Records) -> list[Finding]:
        if not len(records.table):
            return []
        devices = records.table["device"].tolist()
        found = shifted_devices(signal_levels(records.signals_mv), devices, self.levels, self.devices)
        shifted = {shift.device: str(shift) for shift in found}
        return [(Reason.DEVICE_DIFFERS, shifted[name]) if name in shifted else None for name in devices]


def _listed(table: pd.DataFrame, reasons: Iterable[Finding]) -> list[Quarantined]:
    rows = zip(table["ecg_id"], table["filename"], reasons, strict=True)
    return [
        Quarantined(str(ecg_id), filename, *reason) for ecg_id, filename, reason in rows if reason is not None
    ]


def _drift(
    reference: Reference, came: Records, accepted: pd.Series, screening: Screening, params: DriftParams
) -> pd.DataFrame:
    """Labels, age, how many are refused, and the signal; then what the champion makes of it."""
    settings = DriftSettings(**params.model_dump(exclude={"reference_records", "seed"}))
    usual = np.array(
        [finding is not None for finding in screening.screen(reference.learnt.signals_mv)], dtype=np.bool_
    )
    refused = ~came.table["ecg_id"].isin(accepted).to_numpy()
    of_records = judge_batch(_recorded(reference.learnt, usual), _recorded(came, refused), settings)
    held_out, new = (_seen(reference.champion, records) for records in (reference.held_out, came))
    components = EmbeddingMap.fit(held_out.embedding)
    of_model = judge_batch(
        model_features(held_out, components).assign(device=reference.held_out.table["device"]),
        model_features(new, components).assign(device=came.table["device"]),
        settings,
    )
    return pd.concat([of_records, of_model[of_model["feature"] != "device"]], ignore_index=True)


def _seen(champion: Classifier, records: Records) -> ModelView:
    return view_records(champion, records.signals, np.arange(len(records.table)))


def _recorded(records: Records, refused: NDArray[np.bool_]) -> pd.DataFrame:
    columns = records.table[["device", *SUPERCLASSES, "age"]].assign(refused=refused)
    features = signal_features(records.signals, np.arange(len(records.table)))
    return pd.concat([columns, features], axis=1)


def main() -> None:
    """Screen the batch named on the command line, as long as the flow lives whose process id is the last argument."""
    *folders, parent = sys.argv[1:]
    end_with(int(parent))  # the next flow screens into the same folder as one that was killed
    batch, out, champion, source, *others = map(Path, folders)
    earlier = tuple(zip(others[::2], others[1::2], strict=True))
    make_deterministic(read_section(ComputeParams, "compute").threads)
    drift = read_section(DriftParams, "retrain", "drift")
    reference = Reference.read(OUT, champion, source, drift, earlier)
    try:
        screen(batch, reference, out, read_section(IngestParams, "ingest"), drift)
    except BatchRefused as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_BATCH_REFUSED)


if __name__ == "__main__":
    run(main)
