"""What the numbers depend on besides the code: processor and versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.tables import Grid

PEERS = ("dtaidistance", "tslearn", "aeon", "dtw-python", "shap", "captum", "pytorch-lightning")
"""What we compare with."""
BASIS = ("numba", "numpy", "scipy", "torch")
"""What we and they compute with."""

BUSY = 0.7
"""Of a core: what runs beside the measurements, from which on they are not worth keeping."""


def processor() -> str:
    """The processor's name as Linux gives it; elsewhere what Python knows of it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def instructions() -> str:
    """The widest vector instructions that torch uses here."""
    from torch.backends import cpu

    return str(cpu.get_cpu_capability())


def busy_cores() -> float:
    """Processes that ran or waited in the last minute, on average."""
    return os.getloadavg()[0]


def machine_grid() -> Grid:
    """Processor, cores and Python, and the versions of all libraries; one that is not installed is an error."""
    rows = [
        ("processor", processor()),
        ("cores", str(cores())),
        ("vector instructions", instructions()),
        ("Python", platform.python_version()),
    ]
    rows += [(name, version(name)) for name in (*PEERS, *BASIS)]
    note = (
        "All but aeon are installed together with the versions that the project pins (`constraints.txt`). aeon 1.3 to"
        " 1.6 do not allow that numba: it is installed beside them without its own requirements, which is not a"
        " combination that its authors test."
    )
    return Grid("Machine and versions", ("machine or library", "name or version"), tuple(rows), note, texts=2)
