"""Stage `delineate`: its tables, and the same bytes whoever does the work and after a kill."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tasks import delineate as stage
from tasks import many_items
from tasks.delineate import LANDMARKS, MOST_BEATS, ROW, SOURCES, as_row, delineate_cohort
from tasks.many_items import Results
from tasks.workers import WORKERS
from veribeat.errors import InputError
from veribeat.signal.delineation import delineate, diagnostic_windows
from veribeat.simulation.cohort import simulate_cohort

TRAIN = np.array([1, 3, 4, 8, 9, 12, 15, 19])
NOISE, FLAT = 4, 9
"""Training records without R-peaks."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage reads, in ingest and split; what it wrote with one worker, in out and resume."""
    root = tmp_path_factory.mktemp("delineate")
    for name in ("ingest", "split", "out"):
        (root / name).mkdir()
    cohort = simulate_cohort(20, seed=5, wrong_label_share=0.0, noise=1.0)
    signals = cohort.signals.copy()
    signals[NOISE] = np.random.default_rng(5).normal(0, 200, (1000, 12))
    signals[FLAT] = 0
    np.save(root / "ingest" / "signals.npy", signals)
    cohort.table[["ecg_id"]].assign(ecg_id=np.arange(20) + 501).to_parquet(
        root / "ingest" / "records.parquet"
    )
    rows = np.arange(20)
    learning = pd.DataFrame({"row": rows, "train": np.isin(rows, TRAIN), "validation": rows == 0})
    learning.to_parquet(root / "split" / "learning.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        delineate_cohort(root / "ingest", root / "split", root / "out", root / "resume")
    return root


def again(folder: Path, out: Path, resume: Path) -> dict[str, bytes]:
    out.mkdir()
    delineate_cohort(folder / "ingest", folder / "split", out, resume)
    return contents(out)


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


def kept(folder: Path, resume: Path) -> NDArray[np.void]:
    """A copy of the finished rows, to be changed in place."""
    resume.write_bytes((folder / "resume").read_bytes())
    rows: NDArray[np.void] = Results(resume, [1] * len(TRAIN), ROW)._rows
    assert rows["done"].all()
    return rows


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(WORKERS, "1")
    return


def test_every_beat_is_that_of_its_record(folder: Path) -> None:
    beats = pd.read_parquet(folder / "out" / "beats.parquet")
    assert beats.columns.tolist() == ["row", *LANDMARKS]
    assert set(beats.dtypes) == {np.dtype(np.int32)}
    assert beats[["row", "r_peak"]].apply(tuple, axis=1).is_monotonic_increasing
    signals = np.load(folder / "ingest" / "signals.npy")
    for row in TRAIN:
        found = delineate(signals[row].astype(np.float32) / 1000)
        own = beats.loc[beats["row"] == row]
        assert own["r_peak"].tolist() == found.r_peaks.tolist()
        for name in LANDMARKS[1:]:
            assert own[name].tolist() == getattr(found, name).tolist()
    assert beats["row"].isin(TRAIN).all()


def test_every_record_has_a_line(folder: Path) -> None:
    table = pd.read_csv(folder / "out" / "delineated.csv", keep_default_na=False)
    assert table.columns.tolist() == ["ecg_id", "row", "source", "lead", "beats", "reason"]
    assert table["row"].tolist() == TRAIN.tolist()
    assert table["ecg_id"].tolist() == (TRAIN + 501).tolist()
    unscorable = table["row"].isin([NOISE, FLAT])
    assert (table.loc[unscorable, ["source", "lead", "beats"]] == ["none", "", 0]).all(axis=None)
    assert table.loc[unscorable, "reason"].tolist() == ["no beat that most leads show", "no peak in any lead"]
    assert (table.loc[~unscorable, "beats"] > 4).all()
    assert "lead" in set(table["source"])


def test_figures(folder: Path) -> None:
    figures = json.loads((folder / "out" / "delineate.json").read_text())
    beats = pd.read_parquet(folder / "out" / "beats.parquet")
    assert figures["records"] == len(TRAIN)
    assert sum(figures[f"share_{source}"] for source in SOURCES) == pytest.approx(1)
    assert figures["share_none"] == 0.25
    assert figures["mean_beats"] == pytest.approx(len(beats) / len(TRAIN))
    windows = np.zeros((len(TRAIN), 1000), dtype=bool)
    for row, own in beats.groupby("row"):
        windows[row == TRAIN] = diagnostic_windows(*own[list(LANDMARKS[1:])].to_numpy().T, 1000)
    stored = np.load(folder / "out" / "windows.npy")
    assert stored.dtype == np.bool_
    np.testing.assert_array_equal(stored, windows)
    assert figures["mean_covered"] == pytest.approx(windows.mean())
    assert 0.2 < figures["mean_covered"] < 0.7


def test_two_workers_write_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half of the finished records were forgotten, as well."""
    monkeypatch.setenv(WORKERS, "2")
    monkeypatch.setattr(many_items, "FEWEST_PER_WORKER", 1)
    rows = kept(folder, tmp_path / "resume")
    rows[: len(rows) // 2] = np.zeros((), rows.dtype)
    assert again(folder, tmp_path / "out", tmp_path / "resume") == contents(folder / "out")


@pytest.mark.usefixtures("one_worker")
def test_a_rerun_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert again(folder, tmp_path / "out", tmp_path / "resume") == contents(folder / "out")


@pytest.mark.usefixtures("one_worker")
def test_what_was_finished_is_not_done_again(folder: Path, tmp_path: Path) -> None:
    rows = kept(folder, tmp_path / "resume")
    rows[0] = np.zeros((), rows.dtype)
    rows["value"]["reason"][-1] = b"poisoned"
    again(folder, tmp_path / "out", tmp_path / "resume")
    table = pd.read_csv(tmp_path / "out" / "delineated.csv", keep_default_na=False)
    first = pd.read_csv(folder / "out" / "delineated.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(table[:-1], first[:-1])
    assert table["reason"].iloc[-1] == "poisoned"


@pytest.mark.usefixtures("one_worker")
def test_main_leaves_no_finished_records_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    for name in ("ingest", "split"):
        (tmp_path / "out" / name).symlink_to(folder / name)
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("runner: local\n")
    stage.main()
    assert contents(tmp_path / "out" / "delineate") == contents(folder / "out")
    assert [file.name for file in (tmp_path / "scratch").iterdir()] == ["delineate.lock"]


def test_what_does_not_fit_is_refused() -> None:
    empty = delineate(np.zeros((1000, 12), np.float32))
    most = replace(empty, **{f"{name}s" if name == "r_peak" else name: np.arange(50) for name in LANDMARKS})
    assert as_row(most, "it")["beats"] == MOST_BEATS
    more = replace(empty, **{f"{name}s" if name == "r_peak" else name: np.arange(51) for name in LANDMARKS})
    with pytest.raises(InputError, match=r"^The record at row 3 has 51 beats, but there is room for 50\.$"):
        as_row(more, "The record at row 3")
    with pytest.raises(InputError, match="longer than 400"):
        as_row(replace(empty, reason="x" * 401), "it")


def test_tables_of_different_cohorts_are_refused(folder: Path, tmp_path: Path) -> None:
    other = pd.DataFrame({"row": [0], "train": [True], "validation": [False]})
    other.to_parquet(tmp_path / "learning.parquet")
    with pytest.raises(InputError, match="not of the same records"):
        delineate_cohort(folder / "ingest", tmp_path, tmp_path, tmp_path / "resume")
