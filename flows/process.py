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
    """Run a command to its end and return its standard output; InputError with its last line when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (f"{done.stdout}\n{done.stderr}".strip().splitlines() or ["no output"])[-1]
        raise InputError(f"'{' '.join(command)}' failed in {cwd}: {last}")
    return done.stdout


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
