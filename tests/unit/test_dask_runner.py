"""Items by Dask's workers: the same rows as without, whatever becomes of a worker; all else is one sentence."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dask
import numpy as np
import pytest
from counting_workers import ROW, SIZES, Counting, Failing, Killed, Unprepared, worked_on
from distributed import LocalCluster
from numpy.typing import NDArray

from tasks import dask_runner
from tasks.many_items import Results, Work, complete
from tasks.workers import WORKERS
from veribeat.errors import InputError

ITEMS = [(item, part) for item, size in enumerate(SIZES) for part in range(size)]


@dataclass(frozen=True)
class Dying:
    """Ends its process at item 4, as the kernel does when memory is short; but only once, by a file."""

    folder: Path

    def prepare(self) -> Work:
        def work(item: int) -> NDArray[np.void]:
            (self.folder / f"{item}.{os.getpid()}").touch()
            if item == 4 and not (self.folder / "killed").exists():
                (self.folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return np.array([(item, part) for part in range(SIZES[item])], ROW)

        return work


@dataclass(frozen=True)
class Settled:
    """Says by what its process computes, in a folder that is relative."""

    def prepare(self) -> Work:
        import torch

        torch.set_flush_denormal(True)
        prepared = os.getpid()

        def work(item: int) -> NDArray[np.void]:
            Path("notes").joinpath(f"{item}.{prepared == os.getpid()}").touch()
            flushed = float(torch.tensor(1e-39) * 1.0) == 0.0
            return np.array([(dask_runner._blas_threads(), flushed)] * SIZES[item], ROW)

        return work


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers that were there before."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None, silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def _elsewhere(cluster: LocalCluster) -> Iterator[None]:
    with dask.config.set({"scheduler-address": cluster.scheduler_address}):
        yield


def _cluster_here(workers: int, threads: int) -> LocalCluster:
    """Scheduler and workers in this process."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
    )


def _complete(folder: Path, worker: object) -> list[tuple[int, int]]:
    rows = complete(Results(folder / "state", SIZES, ROW), worker, "test, items", runner="dask")
    return [tuple(row) for row in rows.tolist()]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_of_its_own_give_the_same_rows(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(WORKERS, str(workers))
    monkeypatch.chdir(tmp_path)
    notes = tmp_path / "notes"
    notes.mkdir()
    assert _complete(tmp_path, Counting(notes)) == ITEMS
    assert worked_on(notes) == [item for item, size in enumerate(SIZES) if size]
    processes = {int(file.suffix[1:]) for file in notes.iterdir()}
    assert len(processes) == workers
    assert os.getpid() not in processes
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes", "state"]
    lines = capfd.readouterr().err.splitlines()
    assert {line.split(":")[0] for line in lines} == {"test, items"}
    assert lines[-1] == "test, items: 9 of 9"


@pytest.mark.usefixtures("_elsewhere")
def test_a_worker_that_is_killed_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _complete(tmp_path, Dying(tmp_path)) == ITEMS
    assert re.search(r"test, items: the Dask worker tcp://\S+ has gone; ", capsys.readouterr().err)
    assert (tmp_path / "killed").exists()
    assert len(list(tmp_path.glob("4.*"))) == 2


@pytest.mark.usefixtures("_elsewhere")
def test_an_item_that_kills_every_worker_ends_the_run(tmp_path: Path) -> None:
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), pytest.raises(InputError) as error:
        _complete(tmp_path, Killed())
    assert str(error.value).startswith("test, items: one worker after the other was killed at the same item")
    assert f"{WORKERS}=1" in str(error.value)


@pytest.mark.usefixtures("_elsewhere")
def test_bad_input_reaches_the_caller(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^item \d is bad$"):
        _complete(tmp_path, Failing())
    with pytest.raises(InputError, match=r"^the model is damaged$"):
        _complete(tmp_path, Unprepared())


@pytest.mark.usefixtures("_elsewhere")
def test_only_what_is_missing_isworked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    Results(tmp_path / "state", SIZES, ROW).store(3, np.array([(30, 0), (31, 1), (32, 2)], ROW))
    rows = _complete(tmp_path, Counting(notes))
    assert 3 not in worked_on(notes)
    assert rows == [(30 + part, part) if item == 3 else (item, part) for item, part in ITEMS]

    monkeypatch.setenv(WORKERS, "1")  # what one runner has begun, the other ends
    results = Results(tmp_path / "state", SIZES, ROW)
    results._rows["done"][:2] = 0
    others = tmp_path / "others"
    others.mkdir()
    assert [tuple(row) for row in complete(results, Counting(others), "test").tolist()] == rows
    assert worked_on(others) == [0]


@pytest.mark.usefixtures("_elsewhere")
def test_numerics_and_folder_are_those_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask_runner, "_blas_threads", lambda: 3)  # Dask gives its workers one
    (tmp_path / "notes").mkdir()
    assert _complete(Path(), Settled()) == [(3, 1) for _ in ITEMS]
    assert {file.suffix for file in (tmp_path / "notes").iterdir()} == {".True"}


@pytest.mark.usefixtures("_elsewhere")
def test_a_worker_that_is_unlike_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = dask_runner.likeness()
    assert {"Python", "torch", "numpy", "BLAS of numpy", "tasks/dask_runner.py", "constraints.txt"} <= set(
        own
    )
    for name, value in (("numpy", "1.0"), ("tasks/new.py", "0123"), ("instruction set of torch", "VSX")):
        monkeypatch.setattr(dask_runner, "likeness", lambda name=name, value=value: {**own, name: value})
        there = own.get(name, "missing")
        words = rf"^The Dask worker tcp://\S+ might .*\({name}: {there} there, {value} here\)"
        with pytest.raises(InputError, match=words):
            _complete(tmp_path, Failing())


@pytest.mark.usefixtures("_elsewhere")
def test_a_worker_that_does_not_see_the_folder_is_refused(tmp_path: Path) -> None:
    rows = dask_runner.rows_by_dask(Failing(), [0], tmp_path / "state", 1, "test")
    with pytest.raises(InputError, match=f"does not see {tmp_path}/state: the workspace must be on"):
        next(rows)


def test_a_worker_with_two_threads_is_refused(tmp_path: Path) -> None:
    with (
        _cluster_here(workers=1, threads=2) as made,
        dask.config.set({"scheduler-address": made.scheduler_address}),
        pytest.raises(InputError, match=r"^The Dask worker tcp://\S+ has 2 threads, .*--nthreads 1"),
    ):
        _complete(tmp_path, Failing())


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    with (
        dask.config.set(
            {"scheduler-address": "tcp://127.0.0.1:9", "distributed.comm.timeouts.connect": "1s"}
        ),
        pytest.raises(InputError, match=r"^Dask's scheduler at tcp://127.0.0.1:9 cannot be reached: "),
    ):
        _complete(tmp_path, Failing())


def test_a_scheduler_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_runner, "SECONDS_WITHOUT_WORKERS", 0.5)
    with (
        _cluster_here(workers=0, threads=1) as made,
        dask.config.set({"scheduler-address": made.scheduler_address}),
        pytest.raises(InputError, match=rf"^Dask's scheduler at {made.scheduler_address} has no workers: "),
    ):
        _complete(tmp_path, Failing())


def test_dask_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"^'runner' is dask, but Dask is not installed: .*veribeat\[dask\]"):
        _complete(tmp_path, Failing())


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("scheduler", r"^test: the connection to Dask's scheduler was lost: run again, and finished"),
        ("workers", r"^test: no Dask worker is left .*: start some .* and finished items are kept"),
    ],
)
def test_what_is_lost_in_mid_run_ends_it(
    lost: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_runner, "SECONDS_WITHOUT_WORKERS", 1.0)
    (tmp_path / "state").touch()
    with (
        _cluster_here(workers=1, threads=1) as made,
        dask.config.set(
            {"scheduler-address": made.scheduler_address, "distributed.comm.timeouts.connect": "1s"}
        ),
    ):
        rows = dask_runner.rows_by_dask(Counting(tmp_path), [0, 2, 3, 4, 5, 6], tmp_path / "state", 1, "test")
        next(rows)
        if lost == "scheduler":
            made.close()
        else:
            made.scale(0)
        with pytest.raises(InputError, match=words):
            list(rows)
