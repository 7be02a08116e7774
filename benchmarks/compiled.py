"""Kernels that another process has compiled, as they are for a user at every call but the first.

In the process that compiles it, a kernel is slower (`veribeat.dtw.kernel`).
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.subject import Subject
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.dtw.distances import dtw_distances


@cache
def compile_beforehand(workspace: Path) -> None:
    """Let a process of its own compile what numba has to; to be called before any kernel is."""
    subprocess.run([sys.executable, "-m", "benchmarks.compiled", str(workspace)], check=True)


def main() -> None:
    """Explain a record of the workspace, and measure a distance."""
    subject = Subject.load(Path(sys.argv[1]))
    (signal,) = subject.records("query", 1)
    subject.explain_array(signal, DEFAULT_METHOD, attributions=True)
    dtw_distances(signal, signal[None])


if __name__ == "__main__":
    main()
