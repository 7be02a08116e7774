"""`ingest` on small PTB-XL folders: what is kept, what is quarantined, and when it stops."""

import json
import subprocess
import sys
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
    write_folder_with_bad_records,
    write_good_folder,
    write_record,
    write_tables,
)

from tasks import ingest as stage
from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from tasks.workers import WORKERS
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import SCREENED, Reason
from veribeat.errors import InputError


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


def test_the_environment_sets_the_number_of_workers(
    bad_folder: BadFolder, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, "two")
    with pytest.raises(InputError, match=f"{WORKERS} is 'two'"):
        ingest(bad_folder[0], out, LENIENT)
    assert not any(out.iterdir())


def test_progress_counts_records(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_good_folder(tmp_path / "ptbxl")
    ingest(tmp_path / "ptbxl", out, STRICT)
    assert capsys.readouterr().err == "ingest, records: 6 of 6\n"


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
