"""`veribeat simulate-stream`: every record in one place, known faults, untouched files, readable batches."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import call

from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate

PARAMS = IngestParams(max_quarantined=0.5, amplitude_limit_mv=20.0)

FAULTS = (
    "1:broken_electrode:0.2",
    "1:mains_hum:0.2",
    "3:new_device:0.3",
    "3:swapped_leads:0.2",
    "3:label_shift:0.7",
)
OPTIONS = ("--batches", "4", *(part for fault in FAULTS for part in ("--fault", fault)))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    simulate(folder, SimulateParams(records=300, seed=5, corrupted_share=0.1))
    return folder


@pytest.fixture(scope="module")
def out(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream") / "out"
    assert call("simulate-stream", str(source), str(folder), *OPTIONS) == 0
    return folder


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def folders(out: Path) -> list[Path]:
    return [out / "initial", *sorted((out / "inbox").iterdir())]


def test_no_record_is_lost_or_in_two_places(source: Path, out: Path) -> None:
    assert [folder.name for folder in folders(out)] == ["initial", *(f"batch-0{k}" for k in range(1, 5))]
    ids = [ecg_id for folder in folders(out) for ecg_id in read(folder / "ptbxl_database.csv")["ecg_id"]]
    faults = read(out / "faults.csv")
    away = list(faults.loc[faults["fault"] == "label_shift", "ecg_id"])
    assert sorted(ids + away) == sorted(read(source / "ptbxl_database.csv")["ecg_id"])
    assert not set(ids) & set(away)


def test_batches_hold_training_folds_only_and_all_others_are_there_at_first(out: Path) -> None:
    for folder in folders(out)[1:]:
        assert set(read(folder / "ptbxl_database.csv")["strat_fold"]) <= set("1234567")
    lines = read(out / "stream.csv")
    assert list(lines["batch"]) == [folder.name for folder in folders(out)]
    for folder, count in zip(folders(out), lines["records"], strict=True):
        assert len(read(folder / "ptbxl_database.csv")) == int(count)


def test_faults_are_listed_and_nothing_else_differs(source: Path, out: Path) -> None:
    faults = read(out / "faults.csv")
    changed = faults[faults["fault"] != "label_shift"]
    assert changed["ecg_id"].is_unique
    listed = set(changed["ecg_id"])
    before = read(source / "ptbxl_database.csv").drop_duplicates("ecg_id").set_index("ecg_id")
    for folder in folders(out):
        for _, row in read(folder / "ptbxl_database.csv").iterrows():
            header = Path(row["filename_lr"] + ".hea")
            if ".." in header.parts:
                continue
            for file in (header, header.with_suffix(".dat")):
                if not (source / file).exists():
                    assert not (folder / file).exists()
                    continue
                same = (folder / file).read_bytes() == (source / file).read_bytes()
                assert same == (row["ecg_id"] not in listed)
            expected = before.loc[row["ecg_id"]].drop("device")
            assert row.drop(["device", "ecg_id"]).equals(expected)
            new = row["ecg_id"] in set(faults.loc[faults["fault"] == "new_device", "ecg_id"])
            assert (row["device"] == "NEW-1") == new


def test_shares_are_as_asked(out: Path) -> None:
    faults, lines = read(out / "faults.csv"), read(out / "stream.csv").set_index("batch")
    counts = faults.groupby(["batch", "fault"]).size()
    for batch, fault, share in (
        ("batch-01", "mains_hum", 0.2),
        ("batch-01", "broken_electrode", 0.2),
        ("batch-03", "new_device", 0.3),
        ("batch-03", "swapped_leads", 0.2),
    ):
        assert counts[batch, fault] == round(share * int(lines.loc[batch, "records"]))
    assert set(faults["batch"]) == {"batch-01", "batch-03"}
    assert int(lines.loc["batch-03", "withheld"]) == counts["batch-03", "label_shift"] > 0


def test_every_folder_can_be_ingested_and_is_marked_as_simulated(
    source: Path, out: Path, tmp_path: Path
) -> None:
    listed = 0
    for folder in folders(out):
        target = tmp_path / folder.name
        target.mkdir()
        ingest(folder, target, PARAMS, workers=1)
        listed += len(read(target / "quarantine.csv"))
        truth = read(folder / "simulation_truth.csv")
        assert set(truth["ecg_id"]) == set(read(folder / "ptbxl_database.csv")["ecg_id"])
    (tmp_path / "whole").mkdir()
    ingest(source, tmp_path / "whole", PARAMS, workers=1)
    away = read(out / "faults.csv")
    away = set(away.loc[away["fault"] == "label_shift", "ecg_id"])
    whole = read(tmp_path / "whole/quarantine.csv")
    assert listed == int((~whole["ecg_id"].isin(away)).sum())  # no fault makes a record unreadable


def test_the_same_seed_writes_the_same_bytes(source: Path, out: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    assert call("simulate-stream", str(source), str(again), *OPTIONS) == 0
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((out / file).read_bytes() == (again / file).read_bytes() for file in files)
    assert call("simulate-stream", str(source), str(other), *OPTIONS, "--seed", "2") == 0
    assert (other / "faults.csv").read_bytes() != (out / "faults.csv").read_bytes()


def test_batches_have_the_devices_of_the_cohort(source: Path, out: Path) -> None:
    counts = [read(folder / "ptbxl_database.csv")["device"].value_counts() for folder in folders(out)[1:3:2]]
    commonest = read(source / "ptbxl_database.csv")["device"].value_counts().index[0]
    assert all(count.get(commonest, 0) > 0 for count in counts)


def test_by_date_batches_follow_in_time(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "by date"
    assert call("simulate-stream", str(source), str(out), "--order", "date", "--batches", "3") == 0
    lines = read(out / "stream.csv").iloc[1:]
    assert list(lines["first_date"]) == sorted(lines["first_date"])
    assert all(lines["last_date"].iloc[:-1].to_numpy() <= lines["first_date"].iloc[1:].to_numpy())
    assert read(out / "faults.csv").empty
    assert np.ptp(lines["records"].astype(int)) <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--fault", "9:mains_hum:0.1"), "a batch from 1 to 8"),
        (("--fault", "1:loose_cable:0.1"), "a kind of broken_electrode"),
        (("--fault", "1:mains_hum:1.5"), "a share above 0"),
        (("--fault", "1:mains_hum"), "BATCH:KIND:SHARE"),
        (("--fault", "1:mains_hum:0.1", "--fault", "1:mains_hum:0.2"), "twice"),
        (("--fault", "1:mains_hum:0.6", "--fault", "1:new_device:0.6"), "one at most"),
        (("--folds", "1,11"), "different numbers from 1 to 10"),
        (("--initial", "1"), "a share between 0 and 1"),
        (("--folds", "1", "--initial", "0.9"), "choose more folds or fewer batches"),
    ],
)
def test_what_is_not_possible_is_refused_in_one_sentence(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture, options: tuple[str, ...], sentence: str
) -> None:
    assert call("simulate-stream", str(source), str(tmp_path / "out"), *options) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_without_tables_and_an_existing_one_are_refused(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert call("simulate-stream", str(tmp_path), str(tmp_path / "out")) == 2
    assert "ptbxl_database.csv does not exist" in capsys.readouterr().err
    assert call("simulate-stream", str(source), str(out)) == 2
    assert "exists already" in capsys.readouterr().err
