"""records.csv of a release: a digest of every record, so that data can be proved the same without being there."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

LEARNT_HERE = "learnt"
"""Whether the training that made the release saw the record; what its champion had seen besides is in learnt.csv."""

DIGEST = "sha256"
"""Of the record's samples: (1000, 12) of int16, little endian, in the units of `veribeat.signal.stored_units`."""


def record_digests(place: Workspace, arm: str) -> pd.DataFrame:
    """A row for each record that has a role, by ecg_id: fold, roles, whether learnt from, superclasses, file, digest.

    Neither samples nor anything about the patient.
    """
    out = place.path / "out"
    roles = pd.read_parquet(out / "split" / "roles.parquet")
    table = _records(out).set_index("ecg_id").loc[roles["ecg_id"]].reset_index()
    names = [name for name in roles if roles[name].dtype == bool]
    samples = pd.read_csv(out / f"train-{arm}" / "samples.csv", usecols=["row"])["row"]
    trained = set(
        pd.read_parquet(out / "ingest" / "records.parquet", columns=["ecg_id"])["ecg_id"].iloc[samples]
    )
    table.insert(2, "roles", [" ".join(name for name in names if row[name]) for _, row in roles.iterrows()])
    table.insert(3, LEARNT_HERE, table["ecg_id"].isin(trained))
    return table.sort_values("ecg_id", ignore_index=True)


def changed_records(table: Path, out: Path) -> list[str]:
    """What differs between a release's records.csv and the ingested records below `out`, a sentence for each record.

    Records that the release gave no role do not count. Raises InputError when `table` cannot be read.
    """
    try:
        before = pd.read_csv(table).set_index("ecg_id")[["fold", *SUPERCLASSES, DIGEST]]
    except (ValueError, KeyError) as error:
        raise InputError(f"{table} is damaged: restore the release from a backup.") from error
    after = _records(out).set_index("ecg_id")
    sentences = []
    for ecg_id, row in before.iterrows():
        if ecg_id not in after.index:
            sentences.append(f"record {ecg_id} is missing")
            continue
        now = after.loc[ecg_id]
        differing = [name for name in before if row[name] != now[name]]
        if differing:
            sentences.append(f"record {ecg_id} has another {', '.join(differing)}")
    return sentences


def _records(out: Path) -> pd.DataFrame:
    """ecg_id, fold, superclasses, filename and digest of all ingested records."""
    columns = ["ecg_id", "fold", "filename", *SUPERCLASSES]
    table = pd.read_parquet(out / "ingest" / "records.parquet", columns=columns)
    signals = np.load(out / "ingest" / "signals.npy", mmap_mode="r")
    digests = [hashlib.sha256(np.ascontiguousarray(signal, dtype="<i2")).hexdigest() for signal in signals]
    return table.assign(sha256=digests)
