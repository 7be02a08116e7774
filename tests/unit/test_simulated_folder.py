"""The simulated cohort as a PTB-XL folder, and what ingest makes of it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.simulation.cohort import simulate_cohort
from veribeat.simulation.corruption import Kind
from veribeat.simulation.labels import targets_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(out, SimulateParams(records=160, seed=5, corrupted_share=0.2))
    return out


@pytest.fixture(scope="module")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sound")
    simulate(out, SimulateParams(records=160, seed=5, corrupted_share=0.0))
    return out


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def test_folder_is_written_alike_twice(folder: Path, tmp_path: Path) -> None:
    simulate(tmp_path, SimulateParams(records=160, seed=5, corrupted_share=0.2))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((folder / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)


def test_records_are_readable_by_wfdb_and_equal_the_cohort(sound_folder: Path) -> None:
    cohort = simulate_cohort(160, 5, 0.05, 1.0)
    for row in (0, 7, 159):
        record = wfdb.rdrecord(str(sound_folder / cohort.table["filename_lr"][row]), physical=False)
        assert np.array_equal(record.d_signal, cohort.signals[row])
        assert tuple(record.sig_name) == LEADS
        assert record.checksum == record.calc_checksum()
        assert record.init_value == cohort.signals[row, 0].tolist()


def test_header_has_ptbxls_format(sound_folder: Path) -> None:
    lines = (sound_folder / "records100/00000/00001_lr.hea").read_text().split("\n")
    assert lines[0] == "00001_lr 12 100 1000"
    assert all(
        re.fullmatch(rf"00001_lr\.dat 16 1000\.0\(0\)/mV 16 0 -?\d+ \d+ 0 {name}", line)
        for line, name in zip(lines[1:13], LEADS, strict=True)
    )
    assert lines[13:] == [""]


def test_truth_lists_exactly_what_was_corrupted(folder: Path, sound_folder: Path) -> None:
    truth, sound = read(folder / "simulation_truth.csv"), read(sound_folder / "simulation_truth.csv")
    assert (sound["corruption"] == "").all()
    table, untouched = (read(root / "ptbxl_database.csv") for root in (folder, sound_folder))
    changed = set()
    for ecg_id, filename in zip(untouched["ecg_id"], untouched["filename_lr"], strict=True):
        rows = table[table["ecg_id"] == ecg_id]
        same = len(rows) == 1 and rows.iloc[0].equals(untouched[untouched["ecg_id"] == ecg_id].iloc[0])
        for suffix in (".hea", ".dat"):
            here, there = (root / (filename + suffix) for root in (folder, sound_folder))
            same &= here.exists() and here.read_bytes() == there.read_bytes()
        if not same:
            changed.add(ecg_id)
    listed = truth[truth["corruption"] != ""]
    assert set(listed["corruption"]) == {str(kind) for kind in Kind}
    mixed_up = listed[listed["corruption"] == Kind.PATIENT_IN_TWO_FOLDS]
    assert len(mixed_up) % 2 == 0, "both records of a mix-up are listed, though only one was changed"
    assert changed <= set(listed["ecg_id"])
    assert set(listed["ecg_id"]) - changed <= set(mixed_up["ecg_id"])
    unusable = len(listed) + (listed["corruption"] == Kind.DUPLICATE_ECG_ID).sum()
    assert unusable == round(0.2 * 160)


def test_ingest_refuses_exactly_the_corrupted_records(folder: Path, tmp_path: Path) -> None:
    params = IngestParams(max_quarantined=1.0, amplitude_limit_mv=20.0, reject_flat_leads=True)
    ingest(folder, tmp_path, params, workers=1)
    truth, quarantine = read(folder / "simulation_truth.csv"), read(tmp_path / "quarantine.csv")
    listed = truth[truth["corruption"] != ""]
    assert dict(zip(quarantine["ecg_id"], quarantine["reason"], strict=True)) == dict(
        zip(listed["ecg_id"], listed["corruption"], strict=True)
    )
    records = pd.read_parquet(tmp_path / "records.parquet")
    given = truth.set_index("ecg_id").loc[records["ecg_id"].astype(str), "given_superclasses"]
    assert np.array_equal(records[list(SUPERCLASSES)].to_numpy(), targets_of(given))


def test_corruption_leaves_every_fold_its_superclasses(folder: Path) -> None:
    truth, table = read(folder / "simulation_truth.csv"), read(folder / "ptbxl_database.csv")
    fold = table.drop_duplicates("ecg_id").set_index("ecg_id")["strat_fold"]
    truth["fold"] = truth["ecg_id"].map(fold)
    for superclass in SUPERCLASSES:
        has = (
            truth["given_superclasses"].str.split("+").apply(lambda names, wanted=superclass: wanted in names)
        )
        assert set(truth["fold"][has]) == set(truth["fold"][has & (truth["corruption"] == "")])
