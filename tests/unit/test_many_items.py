"""Work on many items: whole rows only, the same results whoever does the work, nothing done twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from counting_workers import ROW, SIZES, Counting, Failing, Killed, Unprepared, until, worked_on

from flows.code_dependencies import CODE_ROOT
from tasks.many_items import Results, complete
from tasks.workers import WORKERS
from veribeat.errors import InputError


@pytest.mark.parametrize("kind", ["alone", "threads", "processes"])
def test_results_do_not_depend_on_who_works(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, "1" if kind == "alone" else "2")
    notes = tmp_path / "notes"
    notes.mkdir()
    results = Results(tmp_path / "state", SIZES, ROW)
    rows = complete(results, Counting(notes), "test, items", threads=kind == "threads")
    assert rows["item"].tolist() == np.repeat(np.arange(len(SIZES)), SIZES).tolist()
    assert rows["part"].tolist() == [part for size in SIZES for part in range(size)]
    # An item without rows has nothing to be worked on.
    assert worked_on(notes) == [item for item, size in enumerate(SIZES) if size]
    assert results.missing() == []


def test_only_missing_items_areworked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "1")
    Results(tmp_path / "state", SIZES, ROW).store(3, np.array([(30, 0), (31, 1), (32, 2)], ROW))
    notes = tmp_path / "notes"
    notes.mkdir()
    rows = complete(Results(tmp_path / "state", SIZES, ROW), Counting(notes), "test, items")
    assert 3 not in worked_on(notes)
    assert rows["item"][3:6].tolist() == [30, 31, 32]


def test_a_row_that_was_not_marked_is_done_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "state", SIZES, ROW)
    results.store(3, np.array([(3, 0), (3, 1), (3, 2)], ROW))
    results._rows["done"][4] = 0
    assert 3 in Results(tmp_path / "state", SIZES, ROW).missing()


def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"\1" * 10)
    assert Results(tmp_path / "state", SIZES, ROW).missing() == [0, 2, 3, 4, 5, 6, 7, 8, 9]


def test_no_items(tmp_path: Path) -> None:
    assert len(complete(Results(tmp_path / "state", [], ROW), Failing(), "test, items")) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_bad_input_reaches_the_caller(workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, workers)
    with pytest.raises(InputError, match=r"item \d is bad"):
        complete(Results(tmp_path / "state", SIZES, ROW), Failing(), "test, items")


@pytest.mark.parametrize("kind", ["alone", "threads", "processes"])
def test_bad_input_of_the_preparation_reaches_the_caller(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, "1" if kind == "alone" else "2")
    with pytest.raises(InputError, match="the model is damaged"):
        complete(Results(tmp_path / "state", SIZES, ROW), Unprepared(), "test", threads=kind == "threads")


def test_a_killed_worker_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "2")
    with pytest.raises(InputError, match=f"^test, items: a worker process was killed.*{WORKERS}=1"):
        complete(Results(tmp_path / "state", SIZES, ROW), Killed(), "test, items")


def test_progress_counts_items_that_have_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(WORKERS, "1")
    complete(Results(tmp_path / "state", SIZES, ROW), Counting(tmp_path), "test, items")
    assert capsys.readouterr().err == "test, items: 9 of 9\n"
    Results(tmp_path / "other", SIZES, ROW).store(3, np.zeros(3, ROW))
    complete(Results(tmp_path / "other", SIZES, ROW), Counting(tmp_path), "test, items")
    assert capsys.readouterr().err == "test, items: going on after 1 of 9\ntest, items: 9 of 9\n"


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_a_wrong_number_of_workers(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, text)
    with pytest.raises(InputError, match=WORKERS):
        complete(Results(tmp_path / "state", SIZES, ROW), Failing(), "test, items")


def test_the_wrong_number_of_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="item 3 has 3 rows, not 1"):
        Results(tmp_path / "state", SIZES, ROW).store(3, np.zeros(1, ROW))


def test_workers_end_soon_after_their_parent_was_killed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    script = (
        "from pathlib import Path\n"
        "from counting_workers import Counting, ROW, SIZES\n"
        "from tasks.many_items import Results, complete\n"
        "if __name__ == '__main__':\n"
        f"    complete(Results(Path({str(tmp_path / 'state')!r}), SIZES, ROW),"
        f" Counting(Path({str(notes)!r}), 60.0), 'test')\n"
    )
    (tmp_path / "run.py").write_text(script)
    places = (CODE_ROOT / "tests", CODE_ROOT)
    environment = {**os.environ, WORKERS: "2", "PYTHONPATH": os.pathsep.join(map(str, places))}
    process = subprocess.Popen([sys.executable, str(tmp_path / "run.py")], env=environment)
    until(lambda: len(list(notes.iterdir())) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    workers = {int(file.suffix[1:]) for file in notes.iterdir()}
    assert process.pid not in workers
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
