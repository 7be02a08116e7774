"""What a batch of new records is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import Classifier
from tasks.file_names import LEARNT, RECORDS_TABLE
from tasks.ingest import read_csv, read_statements
from tasks.params.retrain import DriftParams
from veribeat.conventions import SUPERCLASSES
from veribeat.data.ptbxl_table import REQUIRED_COLUMNS, whole_number
from veribeat.data.samples_digest import samples_digest
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
    samples: frozenset[str]
    """`samples_digest` of each record of the cohort."""
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
            samples=frozenset(map(samples_digest, np.load(cohort / "signals.npy", mmap_mode="r"))),
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
