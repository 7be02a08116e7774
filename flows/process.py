"""Child processes: the tools of this environment, streamed or silent."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from flows.environment import QUIET_LIBRARIES, QUIET_TOOLS
from veribeat.errors import InputError

DVC_ERROR = "ERROR: "
"""What DVC prints before a reason."""

_DVC_BUSY = ("is busy, it is being blocked by", "Unable to acquire lock")
"""What DVC says when another of its processes, perhaps left behind by a killed flow, works in the workspace."""

_PR_SET_PDEATHSIG = 1
"""Of prctl(2): which signal a process gets when the one that started it has ended."""


def ending_with_parent(by: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for children in a session of their own, which would outlive a parent that is killed.

    The kernel sends the child the signal `by`; only Linux does, and elsewhere this does nothing.
    """

    def ask() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)

    return ask


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the running interpreter's tools first on PATH and telemetry off."""
    tools = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    return {
        **os.environ,
        **QUIET_LIBRARIES,
        **QUIET_TOOLS,
        "PATH": f"{tools}{os.pathsep}{path}",
        **(extra or {}),
    }


def run_quietly(command: Sequence[str], cwd: Path) -> str:
    """Run a command to its end and return its standard output.

    Raises InputError when it fails, with DVC's first error, or else the last line of what it said. Leave a tool's
    --quiet out: it would have no reason to give.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines() or ["no output"]
        errors = (line.removeprefix(DVC_ERROR) for line in lines if line.startswith(DVC_ERROR))
        reason = next(errors, lines[-1])
        check_not_busy(reason, cwd)
        raise InputError(f"'{' '.join(command)}' failed in {cwd}: {reason}")
    return done.stdout


def check_not_busy(reason: str, workspace: Path) -> None:
    """Raise InputError when DVC failed because another of its processes works in the workspace."""
    if any(words in reason for words in _DVC_BUSY):
        raise InputError(f"Another DVC process is busy in {workspace}: wait for it to end, then run again.")


class StreamedProcess:
    """A child process whose output lines can be read as they come; `returncode` is set after the last."""

    def __init__(self, command: Sequence[str], cwd: Path, variables: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.cwd = cwd
        self.variables = variables or {}
        self.returncode: int | None = None

    def lines(self) -> Iterator[str]:
        """Lines of standard output and error together, without line ends.

        Ctrl-C reaches the child through the terminal; leaving the loop early ends it.
        """
        process = subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=environment({"PYTHONUNBUFFERED": "1", **self.variables}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield line.rstrip("\n")
            self.returncode = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
