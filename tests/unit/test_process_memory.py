"""The sampler behind docs/scale.md: it sees the memory and the time of a command and of what that starts."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process_memory import Reading, memory_of, processes_of, reading_of, session_of, watched
from tasks.ingest import copy_rows, new_signals

MIB = 2**20

STATUS = """Name:\tpython
VmHWM:\t  300000 kB
VmRSS:\t  200000 kB
RssAnon:\t  120000 kB
RssFile:\t   70000 kB
RssShmem:\t   10000 kB
Threads:\t3
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux has /proc")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_status_is_read_in_bytes():
    reading = reading_of(STATUS)
    assert reading == Reading(120_000 * 1024, 10_000 * 1024, 70_000 * 1024)
    assert (reading.kept, reading.resident) == (130_000 * 1024, 200_000 * 1024)
    assert reading_of("Name:\tkthreadd\n") == Reading()


def test_a_program_may_have_any_name():
    assert session_of("17 (a) b (c) S 4 5 66 0 -1\n") == 66


def test_processes_and_memory_of_this_session():
    own = processes_of(os.getsid(0))
    assert os.getpid() in own
    assert memory_of([os.getpid()]).anonymous > MIB
    assert memory_of([2**22 + 1]) == Reading(), "a process that is not there"


def test_memory_and_time_of_children_count(tmp_path: Path):
    child = "import time; held = b'x' * 60_000_000; time.sleep(0.6)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); sum(range(10**6))"
    usage = watched(python(parent), tmp_path, tmp_path / "log")
    assert usage.returncode == 0
    assert not usage.beyond_limit
    assert usage.processes == 2
    assert 60_000_000 < usage.peak_kept < usage.peak_resident < 300_000_000
    assert usage.seconds > 0.6
    assert 0 < usage.processor_seconds < usage.seconds + 1


def test_a_command_beyond_its_limit_is_killed(tmp_path: Path):
    code = "import time; held = b'x' * 60_000_000; time.sleep(60)"
    usage = watched(python(code), tmp_path, tmp_path / "log", limit=40_000_000)
    assert usage.beyond_limit
    assert usage.returncode == -9
    assert usage.seconds < 30


def test_output_and_failures_are_kept(tmp_path: Path):
    usage = watched(python("print('so'); raise SystemExit(3)"), tmp_path, tmp_path / "log")
    assert usage.returncode == 3
    assert (tmp_path / "log").read_text() == "so\n"


def test_copied_signals_do_not_stay_mapped(tmp_path: Path):
    signals = new_signals(tmp_path / "all.npy", 3000)
    signals[:] = np.random.default_rng(0).integers(-900, 900, signals.shape)
    kept = np.delete(np.arange(3000), [0, 17, 255, 256, 2999])
    expected = signals[kept]
    del signals
    before = memory_of([os.getpid()]).mapped
    largest = 0

    class Rows(np.ndarray):
        """Rows that look at this process's memory each time some are taken."""

        def __getitem__(self, places):
            nonlocal largest
            largest = max(largest, memory_of([os.getpid()]).mapped)
            return np.asarray(super().__getitem__(places))

    copy_rows(tmp_path / "all.npy", kept.view(Rows), tmp_path / "kept.npy")
    assert np.array_equal(np.load(tmp_path / "kept.npy"), expected)
    assert largest - before < 40_000_000, "of 144 MB"
