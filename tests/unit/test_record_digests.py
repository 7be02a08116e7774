"""Digests of records: what they hold, and that every change of the data is found by them."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.release.record_digests import changed_records, record_digests
from flows.workspace import Workspace
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.errors import InputError

ECG_IDS = [3, 5, 8, 13, 21, 34]
FOLDS = [1, 1, 9, 10, 10, 4]
"""Fold 4 has no role."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of ingest, split and a training; not to be changed."""
    out = tmp_path_factory.mktemp("made") / "out"
    for stage in ("ingest", "split", "train-baseline"):
        (out / stage).mkdir(parents=True)
    shape = (len(ECG_IDS), RECORD_SAMPLES, len(LEADS))
    signals = np.random.default_rng(1).integers(-900, 900, shape, dtype=np.int16)
    np.save(out / "ingest" / "signals.npy", signals)
    records = pd.DataFrame(
        {
            "ecg_id": ECG_IDS,
            "patient_id": np.arange(6) + 700,
            "age": 61.5,
            "sex": np.int8(1),
            "device": "CS-12",
            "fold": np.array(FOLDS, dtype="int8"),
            "recording_date": "1984-11-09 09:17:34",
            "filename": [f"records100/00000/{number:05d}_lr" for number in ECG_IDS],
            **{name: np.arange(6) % 3 == number % 3 for number, name in enumerate(SUPERCLASSES)},
        }
    )
    records.to_parquet(out / "ingest" / "records.parquet")
    roles = records[["ecg_id", "patient_id", "fold"]].assign(
        row=np.arange(6),
        train=records["fold"] == 1,
        validation=records["fold"] == 9,
        background=records["fold"] == 9,
        pool=records["fold"] == 10,
        test=records["fold"] == 10,
    )
    roles.to_parquet(out / "split" / "roles.parquet")
    # A training with replay 0 on record 5 alone.
    pd.DataFrame({"row": [1], "kept": [3]}).to_csv(out / "train-baseline" / "samples.csv", index=False)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "out")


@pytest.fixture
def table(made: Path, tmp_path: Path) -> Path:
    """records.csv of a release."""
    file = tmp_path / "records.csv"
    record_digests(Workspace(made.parent), "baseline").to_csv(file, index=False, lineterminator="\n")
    return file


# What the table holds


def test_a_row_says_what_a_record_was_for(made: Path) -> None:
    table = record_digests(Workspace(made.parent), "baseline")
    assert table["ecg_id"].tolist() == ECG_IDS
    assert table["fold"].tolist() == FOLDS
    roles = ["train", "train", "validation background", "pool test", "pool test", ""]
    assert table["roles"].tolist() == roles
    assert table["learnt"].tolist() == [False, True, False, False, False, False]
    assert table.loc[0, list(SUPERCLASSES)].tolist() == [True, False, False, True, False]


def test_the_digest_is_that_of_the_samples(made: Path) -> None:
    table = record_digests(Workspace(made.parent), "baseline")
    signals = np.load(made / "ingest" / "signals.npy")
    for row, digest in enumerate(table["sha256"]):
        assert digest == hashlib.sha256(signals[row].astype("<i2").tobytes()).hexdigest()


def test_nothing_about_the_patient_is_in_it(made: Path) -> None:
    table = record_digests(Workspace(made.parent), "baseline")
    names = ["ecg_id", "fold", "roles", "learnt", "filename", *SUPERCLASSES, "sha256"]
    assert table.columns.tolist() == names
    text = table.to_csv()
    assert not any(private in text for private in ("700", "61.5", "1984", "CS-12"))


def test_the_order_of_the_stages_files_does_not_matter(made: Path, out: Path) -> None:
    """Of roles.parquet by its ecg_id, of records.parquet together with the signals."""
    roles = pd.read_parquet(out / "split" / "roles.parquet")
    roles.iloc[::-1].to_parquet(out / "split" / "roles.parquet")
    again = record_digests(Workspace(out.parent), "baseline")
    pd.testing.assert_frame_equal(again, record_digests(Workspace(made.parent), "baseline"))


# What has changed


def test_the_same_records_have_not_changed(table: Path, out: Path) -> None:
    assert changed_records(table, out) == []


def edit(out: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change records.parquet, and keep the signals of the rows that stay."""
    file = out / "ingest" / "records.parquet"
    records = change(pd.read_parquet(file))
    signals = np.load(out / "ingest" / "signals.npy")
    kept = [min(row, len(signals) - 1) for row in records.index]
    np.save(out / "ingest" / "signals.npy", signals[kept])
    records.reset_index(drop=True).to_parquet(file)


@pytest.mark.parametrize("lead", [0, len(LEADS) - 1])
def test_one_sample_is_enough(table: Path, out: Path, lead: int) -> None:
    signals = np.load(out / "ingest" / "signals.npy")
    signals[3, -1, lead] += 1
    np.save(out / "ingest" / "signals.npy", signals)
    assert changed_records(table, out) == ["record 13 has another samples"]


def test_labels_and_folds_are_named(table: Path, out: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[0, "MI"] = ~records.loc[0, "MI"]
        records.loc[4, "fold"] = 8
        records.loc[4, "HYP"] = ~records.loc[4, "HYP"]
        return records

    edit(out, change)
    assert changed_records(table, out) == ["record 3 has another MI", "record 21 has another fold, HYP"]


def test_missing_and_added_records_are_named_in_order(table: Path, out: Path) -> None:
    def change(records: pd.DataFrame) -> pd.DataFrame:
        new = records.iloc[[5]].assign(ecg_id=4, fold=np.int8(1), filename="x")
        return pd.concat([records.drop(index=[2]), new]).sort_values("ecg_id")

    edit(out, change)
    assert changed_records(table, out) == ["record 4 was added", "record 8 is missing"]


def test_what_says_nothing_about_the_model_does_not_count(table: Path, out: Path) -> None:
    """A record without a role; where a file lies; what is known of the patient."""

    def change(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[5, "NORM"] = ~records.loc[5, "NORM"]
        return records.assign(filename="elsewhere", age=20.0)

    edit(out, change)
    assert changed_records(table, out) == []
    edit(out, lambda records: records.drop(index=5))
    assert changed_records(table, out) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ecg_id", "id"),
        ("sha256", "md5"),
        ("roles", "x"),
        ("\n3,", "\nthree,"),
        ("\n3,1,", "\n3,one,"),
        ("True", "perhaps"),
        ("\n5,", "\n3,"),
        ("\n5,", '\n"5,'),
    ],
)
def test_a_damaged_table_is_refused(table: Path, out: Path, old: str, new: str) -> None:
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=r"records\.csv is damaged.*: restore the release from a backup"):
        changed_records(table, out)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_file_that_is_no_table_is_refused(table: Path, out: Path, content: bytes) -> None:
    table.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        changed_records(table, out)
