"""records.csv of a release: a digest of every record, so that data can be proved the same without being there."""

from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd

from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.data.samples_digest import samples_digest
from veribeat.errors import InputError

ROLES = "roles"
"""What the record is for, such as "pool test"; empty where its fold has no role."""

LEARNT_HERE = "learnt"
"""Whether the training that made the release saw the record; what its champion had seen besides is in learnt.csv."""

DIGEST = "sha256"
"""`samples_digest` of the record."""

COMPARED = {"fold": "fold", **{name: name for name in SUPERCLASSES}, DIGEST: "samples"}
"""Columns in which a record may have changed -> what they are called."""


def record_digests(place: Workspace, arm: str) -> pd.DataFrame:
    """A row for each ingested record, by ecg_id: fold, roles, whether learnt from, file, superclasses, digest.

    Neither samples nor anything about the patient. Records without a role are there so that one that is added later
    can be told from one that was always there.
    """
    out = place.path / "out"
    table = _records(out)
    roles = pd.read_parquet(out / "split" / "roles.parquet").set_index("ecg_id").select_dtypes("bool")
    marks = roles.loc[table["ecg_id"]].to_numpy()
    learnt = np.zeros(len(table), dtype=np.bool_)
    learnt[pd.read_csv(out / f"train-{arm}" / "samples.csv", usecols=["row"])["row"].to_numpy()] = True
    table.insert(2, ROLES, [" ".join(compress(roles.columns, row)) for row in marks])
    table.insert(3, LEARNT_HERE, learnt)
    return table.sort_values("ecg_id", ignore_index=True)


def changed_records(table: Path, out: Path) -> list[str]:
    """What differs between a release's records.csv and the ingested records below `out`, a sentence for each record.

    They are in the order of ecg_id. Records that the release gave no role do not count, unless they are new.
    Raises InputError when `table` cannot be read.
    """
    before, after = _read(table), _records(out).set_index("ecg_id")
    of_use = before.index[before[ROLES] != ""]
    sentences = dict.fromkeys(of_use.difference(after.index), "is missing")
    sentences |= dict.fromkeys(after.index.difference(before.index), "was added")
    both = of_use.intersection(after.index)
    changed = before.loc[both, list(COMPARED)] != after.loc[both, list(COMPARED)]
    for ecg_id, row in changed[changed.any(axis=1)].iterrows():
        sentences[ecg_id] = f"has another {', '.join(compress(COMPARED.values(), row))}"
    return [f"record {ecg_id} {sentences[ecg_id]}" for ecg_id in sorted(sentences)]


def _read(table: Path) -> pd.DataFrame:
    """records.csv of a release, with ecg_id as its index."""
    kinds = {
        "ecg_id": "int64",
        ROLES: "str",
        "fold": "int64",
        DIGEST: "str",
        **dict.fromkeys(SUPERCLASSES, "bool"),
    }
    try:
        rows = pd.read_csv(table, dtype=kinds, keep_default_na=False)[list(kinds)]
    except (ValueError, KeyError) as error:
        raise InputError(f"{table} is damaged: restore the release from a backup.") from error
    if rows["ecg_id"].duplicated().any():
        raise InputError(f"{table} is damaged, it has a record twice: restore the release from a backup.")
    return rows.set_index("ecg_id")


def _records(out: Path) -> pd.DataFrame:
    """ecg_id, fold, filename, superclasses and digest of all ingested records."""
    columns = ["ecg_id", "fold", "filename", *SUPERCLASSES]
    table = pd.read_parquet(out / "ingest" / "records.parquet", columns=columns)
    signals = np.load(out / "ingest" / "signals.npy", mmap_mode="r")
    return table.assign(**{DIGEST: list(map(samples_digest, signals))})
