"""`ingest` of a folder and the batches that came after it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_records import (
    FILES,
    LENIENT,
    STRICT,
    BadFolder,
    filename,
    row,
    signal,
    write_good_folder,
    write_record,
    write_tables,
)

from tasks import ingest as stage
from tasks.ingest import ingest
from veribeat.data.quarantine import Reason
from veribeat.errors import InputError


def write_batch(folder: Path, ecg_ids: range, /, **cells: object) -> list[dict[str, object]]:
    """A folder of sound records; `cells` are replaced in its first row."""
    rows = [row(ecg_id, **(cells if ecg_id == ecg_ids[0] else {})) for ecg_id in ecg_ids]
    for each in rows:
        name = str(each["filename_lr"])
        if name.startswith("records100/0"):
            write_record(folder / name, signal(int(str(each["ecg_id"]))))
    write_tables(folder, rows)
    return rows


@pytest.fixture
def growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder with records 1 to 6, and a batch with 11 to 14; the workspace is the current folder."""
    monkeypatch.chdir(tmp_path)
    write_good_folder(Path("cohort"))
    write_batch(Path("batches/0002-b"), range(11, 15))
    return Path("cohort"), Path("batches/0002-b")


def read(out: Path) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    quarantine = pd.read_csv(out / "quarantine.csv", dtype=str)
    return np.load(out / "signals.npy"), pd.read_parquet(out / "records.parquet"), quarantine


def test_batches_are_read_after_the_folder(growing: tuple[Path, Path], out: Path) -> None:
    source, batch = growing
    later = Path("batches/0003-a")
    write_batch(later, range(7, 9))
    ingest(source, out, STRICT, [batch, later])
    signals, records, _ = read(out)
    assert records["ecg_id"].tolist() == [*range(1, 9), *range(11, 15)]
    assert records["filename"].tolist() == [
        *map(filename, range(1, 7)),
        *(f"{later}/{filename(k)}" for k in (7, 8)),
        *(f"{batch}/{filename(k)}" for k in range(11, 15)),
    ]
    for stored, ecg_id in zip(signals, records["ecg_id"], strict=True):
        np.testing.assert_array_equal(stored, signal(ecg_id))
    assert json.loads((out / "card.json").read_text())["records"] == 12


def test_a_batch_leaves_the_records_before_it_as_they_were(
    growing: tuple[Path, Path], out: Path, tmp_path: Path
) -> None:
    (tmp_path / "without").mkdir()
    ingest(growing[0], tmp_path / "without", STRICT)
    ingest(growing[0], out, STRICT, [growing[1]])
    before, after = read(tmp_path / "without"), read(out)
    np.testing.assert_array_equal(after[0][:6], before[0])
    pd.testing.assert_frame_equal(after[1][:6], before[1])


def test_without_batches_the_bytes_are_those_of_the_folder_alone(
    bad_folder: BadFolder, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "listed").mkdir()
    ingest(bad_folder[0], out, LENIENT)
    ingest(bad_folder[0], tmp_path / "listed", LENIENT, [])
    for name in FILES:
        assert (out / name).read_bytes() == (tmp_path / "listed" / name).read_bytes()


@pytest.mark.parametrize(
    ("cells", "reason", "ids"),
    [
        ({"ecg_id": 3}, Reason.DUPLICATE_ECG_ID, ["3", "3"]),
        ({"patient_id": "1003.0"}, Reason.PATIENT_IN_TWO_FOLDS, ["3", "11"]),
        ({"filename_lr": "../../cohort/" + filename(3)}, Reason.PATH_OUTSIDE_FOLDER, ["11"]),
        ({"filename_lr": "../0003-a/" + filename(7)}, Reason.PATH_OUTSIDE_FOLDER, ["11"]),
        ({"filename_lr": "records100/../../0003-a/" + filename(7)}, Reason.PATH_OUTSIDE_FOLDER, ["11"]),
        ({"filename_lr": "records500/00000/00011_hr"}, Reason.PATH_OUTSIDE_FOLDER, ["11"]),
        ({"filename_lr": filename(3)}, Reason.MISSING_HEADER, ["11"]),  # of the cohort, not of the batch
    ],
)
def test_what_clashes_with_other_folders_or_leaves_its_own_is_quarantined(
    growing: tuple[Path, Path], out: Path, cells: dict[str, object], reason: Reason, ids: list[str]
) -> None:
    source, batch = growing
    write_batch(Path("batches/0003-a"), range(7, 9))
    write_batch(batch, range(11, 15), **cells)
    if reason is Reason.MISSING_HEADER:
        (batch / f"{filename(3)}.hea").unlink()
    ingest(source, out, LENIENT, [Path("batches/0003-a"), batch])
    _, records, quarantine = read(out)
    assert quarantine["ecg_id"].tolist() == ids
    assert set(quarantine["reason"]) == {reason}
    listed = quarantine["file"].str.startswith(f"{batch}/")
    assert listed.any()
    assert len(records) == 12 - len(ids)


def test_a_patient_of_one_fold_may_come_again(growing: tuple[Path, Path], out: Path) -> None:
    source, batch = growing
    write_batch(batch, range(11, 15), patient_id="1003.0", strat_fold=4)  # as record 3's
    ingest(source, out, STRICT, [batch])
    assert (read(out)[1]["patient_id"] == 1003).sum() == 2


def test_bytes_of_batches_do_not_depend_on_the_number_of_workers(
    bad_folder: BadFolder, growing: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHUNK", 5)
    contents = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        out.mkdir()
        ingest(bad_folder[0], out, LENIENT, [growing[1]], workers=workers)
        contents.append({name: (out / name).read_bytes() for name in FILES})
    assert contents[0] == contents[1]


def test_the_statements_are_those_of_the_folder(growing: tuple[Path, Path], out: Path) -> None:
    source, batch = growing
    (batch / "scp_statements.csv").unlink()
    ingest(source, out, STRICT, [batch])
    assert len(read(out)[1]) == 10


def test_a_batch_without_a_table_is_named(growing: tuple[Path, Path], out: Path) -> None:
    (growing[1] / "ptbxl_database.csv").unlink()
    with pytest.raises(InputError, match=r"batches/0002-b/ptbxl_database\.csv does not exist"):
        ingest(growing[0], out, STRICT, [growing[1]])
