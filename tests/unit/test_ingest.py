"""`ingest` on small PTB-XL folders: what is kept, what is quarantined, and when it stops."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_records import (
    filename,
    row,
    signal,
    write_folder_with_bad_records,
    write_good_folder,
    write_record,
    write_tables,
)

from tasks import ingest as stage
from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import SCREENED, Reason
from veribeat.errors import InputError

BadFolder = tuple[Path, list[tuple[str, Reason]]]
"""The folder and its expected (ecg_id, reason) pairs."""

STRICT = IngestParams(max_quarantined=0.0, amplitude_limit_mv=20.0)
LENIENT = IngestParams(max_quarantined=1.0, amplitude_limit_mv=20.0)
REAL_CLASSES_WITHOUT_FOLD_8 = {"NORM": 8581, "MI": 4930, "STTC": 4720, "CD": 4406, "HYP": 2381}
"""Reasons of batches alone: they need other records to compare with."""

FILES = ("signals.npy", "records.parquet", "quarantine.csv", "card.json")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> BadFolder:
    folder = tmp_path_factory.mktemp("ingest") / "ptbxl"
    return folder, write_folder_with_bad_records(folder)


def test_good_records_are_kept_exactly_and_in_order(tmp_path: Path, out: Path) -> None:
    rows = write_good_folder(tmp_path / "ptbxl")
    write_tables(tmp_path / "ptbxl", rows[::-1])
    ingest(tmp_path / "ptbxl", out, STRICT)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    signals, records = np.load(out / "signals.npy", mmap_mode="r"), pd.read_parquet(out / "records.parquet")
    assert signals.dtype == np.int16
    assert signals.shape == (6, 1000, 12)
    for index, ecg_id in enumerate(range(1, 7)):
        np.testing.assert_array_equal(signals[index], signal(ecg_id))
    assert records["ecg_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert records["patient_id"].tolist() == [1001, 1002, 1003, 1004, 1005, 1006]
    first = records.loc[0, list(SUPERCLASSES)]  # codes IMI and LAFB
    assert first.to_dict() == {"NORM": False, "MI": True, "STTC": False, "CD": True, "HYP": False}
    assert (out / "quarantine.csv").read_text() == "ecg_id,file,reason,detail\n"


def test_every_kind_of_bad_record_is_quarantined_with_its_reason(
    bad_folder: BadFolder, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, expected = bad_folder
    monkeypatch.chdir(out.parent)
    ingest(folder, out, LENIENT)
    quarantine = pd.read_csv(out / "quarantine.csv", dtype=str)
    assert sorted(zip(quarantine["ecg_id"], quarantine["reason"], strict=True)) == expected
    assert {reason for _, reason in expected} == set(Reason) - SCREENED, (
        "a reason has no example in bad_records.py"
    )
    assert pd.read_parquet(out / "records.parquet")["ecg_id"].tolist() == [1, 2, 3, 4, 5, 6]
    card = json.loads((out / "card.json").read_text())
    assert card["quarantine"]["records"] == len(expected)
    assert sum(card["quarantine"]["reasons"].values()) == len(expected)
    assert not Path("evaluated").exists()


def test_details_name_no_folder_of_this_machine(bad_folder: BadFolder, out: Path) -> None:
    ingest(bad_folder[0], out, LENIENT)
    details = pd.read_csv(out / "quarantine.csv", dtype=str)
    inside = details[details["reason"] != Reason.PATH_OUTSIDE_FOLDER]  # those quote the cell
    assert not inside["detail"].str.contains(str(bad_folder[0]), regex=False).any()


def test_nothing_outside_the_folder_is_opened(tmp_path: Path, out: Path) -> None:
    # An audit hook cannot be removed again, hence a process of its own; workers=1 reads in that process.
    folder = tmp_path / "data" / "ptbxl"
    write_folder_with_bad_records(folder)
    program = """
import sys
from pathlib import Path
from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
ingest(Path(sys.argv[1]), Path(sys.argv[2]), IngestParams(max_quarantined=1.0, amplitude_limit_mv=20.0), workers=1)
print("\\n".join(str(Path(name).resolve()) for name in opened))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(out)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(stage.__file__).parents[1],
    )
    opened = set(run.stdout.split("\n"))
    assert str(folder / f"{filename(1)}.dat") in opened
    assert not [name for name in opened if name.startswith(str(tmp_path / "data" / "outside"))]


def test_bytes_do_not_depend_on_the_number_of_workers(
    bad_folder: BadFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHUNK", 5)
    contents = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        out.mkdir()
        ingest(bad_folder[0], out, LENIENT, workers=workers)
        contents.append({name: (out / name).read_bytes() for name in FILES})
    assert contents[0] == contents[1]


def test_too_many_bad_records_stop_the_run_and_leave_nothing(bad_folder: BadFolder, out: Path) -> None:
    params = IngestParams(max_quarantined=0.5, amplitude_limit_mv=20.0)
    with pytest.raises(InputError) as error:
        ingest(bad_folder[0], out, params)
    assert "path outside the folder 8" in str(error.value)
    assert "ingest.max_quarantined" in str(error.value)
    assert not any(out.iterdir())


def test_the_limit_counts_unreadable_records_too(tmp_path: Path, out: Path) -> None:
    write_good_folder(tmp_path / "ptbxl")
    (tmp_path / "ptbxl" / f"{filename(4)}.dat").unlink()
    with pytest.raises(InputError, match="missing signal 1; for example ecg_id 4"):
        ingest(tmp_path / "ptbxl", out, IngestParams(max_quarantined=0.16, amplitude_limit_mv=20.0))
    assert not any(out.iterdir())
    ingest(tmp_path / "ptbxl", out, IngestParams(max_quarantined=0.17, amplitude_limit_mv=20.0))
    assert len(np.load(out / "signals.npy")) == 5


def test_a_folder_without_a_usable_record_is_an_error(tmp_path: Path, out: Path) -> None:
    write_tables(tmp_path / "ptbxl", [row(1), row(2)])
    with pytest.raises(InputError, match="missing header 2"):
        ingest(tmp_path / "ptbxl", out, LENIENT)


def test_flat_leads_and_high_amplitudes_can_be_accepted(tmp_path: Path, out: Path) -> None:
    adc = signal(1)
    adc[:, 10], adc[3, 2] = 7, 25_000
    write_record(tmp_path / "ptbxl" / filename(1), adc)
    write_tables(tmp_path / "ptbxl", [row(1)])
    params = IngestParams(max_quarantined=0.0, amplitude_limit_mv=32.0, reject_flat_leads=False)
    ingest(tmp_path / "ptbxl", out, params)
    np.testing.assert_array_equal(np.load(out / "signals.npy")[0], adc)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ptbxl_database.csv", None, "does not exist"),
        ("ptbxl_database.csv", b"", "lacks the column 'ecg_id'"),
        ("ptbxl_database.csv", b"ecg_id,age\n1,50\n", "lacks the column 'patient_id'"),
        ("ptbxl_database.csv", b"ecg_id\n\xff\xfe\n", "not a readable CSV"),
        ("ptbxl_database.csv", b'ecg_id\n"never closed\n', "not a readable CSV"),
        ("ptbxl_database.csv", b"ecg_id,age\n1,2,3\n", "row 1 has 3 cells, not 2"),
        ("scp_statements.csv", None, "does not exist"),
        ("scp_statements.csv", b"code,diagnostic\nNORM,1\n", "lacks the column 'diagnostic_class'"),
        ("scp_statements.csv", b"code,diagnostic,diagnostic_class\n", "has no rows"),
        (
            "scp_statements.csv",
            b"code,diagnostic,diagnostic_class\nNORM,1,WRONG\n",
            "'diagnostic_class' of 'NORM'",
        ),
    ],
)
def test_unusable_tables_are_named(
    tmp_path: Path, out: Path, file: str, content: bytes | None, message: str
) -> None:
    write_good_folder(tmp_path / "ptbxl", count=1)
    path = tmp_path / "ptbxl" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        ingest(tmp_path / "ptbxl", out, STRICT)
    assert str(path) in str(error.value) or file in str(error.value)


def test_a_table_with_headings_only_is_an_error(tmp_path: Path, out: Path) -> None:
    write_tables(tmp_path / "ptbxl", [])
    with pytest.raises(InputError, match=r"ptbxl_database\.csv has no rows"):
        ingest(tmp_path / "ptbxl", out, STRICT)


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


@pytest.mark.real
def test_real_records(ptbxl_root: Path, out: Path) -> None:
    ingest(ptbxl_root, out, IngestParams(max_quarantined=0.001, amplitude_limit_mv=20.0))
    quarantine = pd.read_csv(out / "quarantine.csv")
    assert dict(zip(quarantine["ecg_id"], quarantine["reason"], strict=True)) == {
        12722: Reason.FLAT_LEAD,
        20045: Reason.BEYOND_AMPLITUDE_LIMIT,
    }
    records = pd.read_parquet(out / "records.parquet")
    complete = records[records["fold"] != 8]  # fold 8 may be restored in part
    assert complete["fold"].value_counts().sort_index().to_dict() == {
        1: 2174, 2: 2180, 3: 2192, 4: 2174, 5: 2174, 6: 2173, 7: 2176, 9: 2183, 10: 2198,
    }  # fmt: skip
    assert {name: int(complete[name].sum()) for name in SUPERCLASSES} == REAL_CLASSES_WITHOUT_FOLD_8
    row_of_first = int(np.flatnonzero(records["ecg_id"] == 1)[0])
    stored = np.fromfile(ptbxl_root / f"{filename(1)}.dat", "<i2").reshape(1000, 12)
    np.testing.assert_array_equal(np.load(out / "signals.npy", mmap_mode="r")[row_of_first], stored)


def test_batches_come_after_the_first_folder_under_names_of_their_own(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_good_folder(Path("ptbxl"), count=3)
    for ecg_id in (4, 5):
        write_record(Path("batches/one") / filename(ecg_id), signal(ecg_id))
    write_tables(Path("batches/one"), [row(4), row(5)])
    ingest(Path("ptbxl"), out, STRICT, [Path("batches/one")])
    records = pd.read_parquet(out / "records.parquet")
    assert records["ecg_id"].tolist() == [1, 2, 3, 4, 5]
    assert records["filename"].tolist()[3:] == [f"batches/one/{filename(4)}", f"batches/one/{filename(5)}"]
    for index in range(5):
        np.testing.assert_array_equal(np.load(out / "signals.npy")[index], signal(index + 1))


def test_a_batch_may_not_repeat_a_record_split_a_patient_or_leave_its_folder(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_good_folder(Path("ptbxl"), count=4)
    for ecg_id in (1, 8):
        write_record(Path("batches/one") / filename(ecg_id), signal(ecg_id))
    other_fold = row(2)["strat_fold"] % 10 + 1  # type: ignore[operator]
    split = row(8, patient_id=row(2)["patient_id"], strat_fold=other_fold)
    outside = row(9, filename_lr=f"../../ptbxl/{filename(3)}")
    write_tables(Path("batches/one"), [row(1), split, outside])
    ingest(Path("ptbxl"), out, LENIENT, [Path("batches/one")])
    found = pd.read_csv(out / "quarantine.csv", dtype=str)
    reasons = found.groupby("reason")["ecg_id"].apply(sorted).to_dict()
    assert reasons == {
        Reason.DUPLICATE_ECG_ID: ["1", "1"],
        Reason.PATIENT_IN_TWO_FOLDS: ["2", "8"],
        Reason.PATH_OUTSIDE_FOLDER: ["9"],
    }
    assert pd.read_parquet(out / "records.parquet")["ecg_id"].tolist() == [3, 4]
