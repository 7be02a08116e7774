"""A stage whose items Dask's workers do, as a process of its own: they find its code, and end when it does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from counting_workers import until

from flows.code_dependencies import CODE_ROOT
from tasks.workers import WORKERS

STAGE = """
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.many_items import Results, complete
from tasks.stage import run


@dataclass(frozen=True)
class Slow:
    seconds: float

    def prepare(self):
        return work_for(self.seconds)


def work_for(seconds):
    def work(item):
        (Path("notes") / f"{item}.{os.getpid()}").touch()
        time.sleep(seconds)
        return np.array([item])

    return work


def main():
    results = Results(Path("state"), [1] * 8, np.dtype(int))
    print(complete(results, Slow(float(sys.argv[1])), "test", runner="dask").tolist())


if __name__ == "__main__":
    run(main)
"""


def _start(folder: Path, seconds: str) -> subprocess.Popen[str]:
    (folder / "notes").mkdir()
    (folder / "a_stage.py").write_text(STAGE)
    (folder / "code").symlink_to(CODE_ROOT)
    return subprocess.Popen(
        [sys.executable, "-m", "a_stage", seconds],
        cwd=folder,
        env={**os.environ, WORKERS: "2", "PYTHONPATH": str(CODE_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_what_a_stage_defines_is_found_by_workers(tmp_path: Path) -> None:
    output, errors = _start(tmp_path, "0").communicate(timeout=60)
    assert output == "[0, 1, 2, 3, 4, 5, 6, 7]\n"
    assert {line.split(":")[0] for line in errors.splitlines()} == {"test"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_stage(how: signal.Signals, tmp_path: Path) -> None:
    process = _start(tmp_path, "60")
    until(lambda: len(list((tmp_path / "notes").iterdir())) == 2)
    workers = {int(file.suffix[1:]) for file in (tmp_path / "notes").iterdir()}
    assert process.pid not in workers
    started = time.monotonic()
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as from a terminal, to all
    else:
        process.send_signal(how)
    assert process.wait(30) == (130 if how == signal.SIGINT else -how)
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    assert time.monotonic() - started < 15
    errors = process.communicate()[1]
    if how == signal.SIGINT:
        assert errors == ""
