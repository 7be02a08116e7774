"""Time and memory of a command and of all processes that it starts, as Linux counts them.

Anonymous and shared memory must stay in memory (there may be no swap); pages of mapped files can be written back and
dropped whenever others need the room, so they are counted apart.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.process import ending_with_parent

PROC = Path("/proc")
SECONDS_BETWEEN_SAMPLES = 0.05
KB = 1024


@dataclass(frozen=True)
class Reading:
    """Memory of one process, or of several together, at one moment; bytes."""

    anonymous: int = 0
    shared: int = 0
    """Shared memory without a file; what several processes map counts once for each."""
    mapped: int = 0
    """Pages of files, libraries included; counted once for each process, too."""

    @property
    def kept(self) -> int:
        """What the kernel cannot drop."""
        return self.anonymous + self.shared

    @property
    def resident(self) -> int:
        """All that is in memory."""
        return self.kept + self.mapped

    def __add__(self, other: "Reading") -> "Reading":
        return Reading(
            self.anonymous + other.anonymous, self.shared + other.shared, self.mapped + other.mapped
        )


@dataclass(frozen=True)
class Usage:
    """What a command took from start to end."""

    seconds: float
    processor_seconds: float
    """Of all its processes that were waited for."""
    peak_kept: int
    """Largest sum over the processes of what the kernel cannot drop, bytes."""
    peak_resident: int
    """The same with mapped files, each counted once for each process that maps it."""
    processes: int
    """Most at a time."""
    returncode: int
    beyond_limit: bool
    """Whether it was stopped for its memory."""


def reading_of(status: str) -> Reading:
    """What /proc/PID/status says; nothing for a process that has ended or belongs to the kernel."""
    values = {}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name.startswith("Rss"):
            values[name] = int(value.split()[0]) * KB
    return Reading(values.get("RssAnon", 0), values.get("RssShmem", 0), values.get("RssFile", 0))


def session_of(stat: str) -> int:
    """The session that /proc/PID/stat names; the program's name before it may hold blanks and brackets."""
    return int(stat.rpartition(")")[2].split()[3])


def processes_of(session: int) -> list[int]:
    """The processes of a session: a command that leads one, and all that it started."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                if session_of((folder / "stat").read_text(encoding="utf-8", errors="replace")) == session:
                    found.append(int(folder.name))
            except OSError:  # it has just ended
                continue
    return found


def memory_of(processes: Sequence[int]) -> Reading:
    """Of these processes together; those that have ended count nothing."""
    total = Reading()
    for process in processes:
        try:
            status = (PROC / str(process) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        total += reading_of(status)
    return total


def watched(
    command: Sequence[str],
    cwd: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> Usage:
    """Run a command to its end, its output in the file `log`, and sample its memory.

    Beyond `limit` bytes of what the kernel cannot drop, it is killed with all that it started: so are they when this
    process is interrupted. When this process is killed, so is the command.
    """
    peak_kept = peak_resident = most = 0
    beyond = False
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ending_with_parent(signal.SIGKILL),  # or it would be in the way of the next run
        )
        try:
            while True:
                # Not Popen.poll: only this call says what the process and its children have used.
                ended, status, used = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                running = processes_of(process.pid)
                memory = memory_of(running)
                peak_kept, peak_resident = (
                    max(peak_kept, memory.kept),
                    max(peak_resident, memory.resident),
                )
                most = max(most, len(running))
                if limit is not None and memory.kept > limit and not beyond:
                    beyond = True
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(SECONDS_BETWEEN_SAMPLES)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        seconds,
        used.ru_utime + used.ru_stime,
        peak_kept,
        peak_resident,
        most,
        process.returncode,
        beyond,
    )
