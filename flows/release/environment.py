"""What a release was made with: processor, libraries, settings and packages."""

import platform
import re
from collections.abc import Mapping
from importlib.metadata import distributions
from threading import Thread
from typing import Any

from packaging.utils import canonicalize_name

from flows.provenance import processor
from flows.release.sbom import ROOT, needed_packages
from tasks.workers import available_cores

COMPARED = {
    "processor": ("processor",),
    "instruction set": ("torch", "instruction_set"),
    "numerical libraries": ("libraries",),
    "torch's libraries": ("torch", "built_with"),
    "system": ("system",),
    "C library": ("libc",),
    "Python": ("python",),
    "settings": ("settings",),
}
"""What can change a result -> where it is in `environment`; what changes most comes first."""

BUILT_WITH = ("Math Kernel Library", "MKL-DNN", "OpenMP")
"""What lines of torch's description of itself are about that name the libraries it computes by."""


def environment() -> dict[str, Any]:
    """What decides how a floating-point number is rounded here, and what else an auditor asks for.

    It names no folder, and is the same in every process on a machine. Threads are not in it: each stage takes them from
    params.yaml.
    """
    # All that compute here: a library is seen once it is loaded. They take seconds to import.
    import numpy as np
    import scipy.linalg
    import sklearn.cluster  # noqa: F401
    import torch

    built = torch.__config__.show()
    lines = [line.removeprefix("  - ").strip() for line in built.splitlines()]
    blas = re.search(r"\bBLAS_INFO=(\w+)", built)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "processor": processor(),
        "cores": available_cores(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "torch": {
            "version": torch.__version__,
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "blas": None if blas is None else blas.group(1),
            "built_with": [
                line
                for line in lines
                if any(what in line for what in BUILT_WITH) and not line.startswith("Build settings")
            ],
        },
        "libraries": _libraries(),
        "settings": _settings(),
    }


def environment_lock() -> str:
    """NAME==VERSION of each installed package, sorted, in the format of a constraints file."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(_installed().items()))


def environment_differences(recorded: Mapping[str, Any], lock: str) -> list[str]:
    """How this environment differs from a recorded one, a short sentence for each difference; the processor first.

    Args:
        recorded: what `environment` returned there.
        lock: what `environment_lock` returned there. Packages that are only here do not count, nor do those that
            veribeat does not need, such as pip.
    """
    here = environment()
    sentences = []
    for what, keys in COMPARED.items():
        now, before = _at(here, keys), _at(recorded, keys)
        if now != before:
            sentences.append(f"{what} {_text(now)} instead of {_text(before)}")
    installed, needed = _installed(), needed_packages(ROOT)
    for line in lock.splitlines():
        name, _, version = line.partition("==")
        if name not in needed or name == ROOT:
            continue
        if installed[name] != version:
            sentences.append(f"{name} {installed[name]} instead of {version}")
    return sentences


def _libraries() -> list[str]:
    """What numpy, scipy and scikit-learn compute by, such as "openblas 0.3.30 SkylakeX"."""
    from threadpoolctl import threadpool_info

    found = {
        " ".join(filter(None, (each["prefix"], each["version"], each.get("architecture"))))
        for each in threadpool_info()
    }
    return sorted(found)


def _settings() -> dict[str, bool]:
    """What every stage makes of torch (`models.runtime`), as far as this processor can."""
    import torch

    denormal = []
    # The flag belongs to a thread, so that this process stays as it is.
    probe = Thread(target=lambda: denormal.append(torch.set_flush_denormal(True)))
    probe.start()
    probe.join()
    return {"deterministic_algorithms": True, "flush_denormal": denormal == [True]}


def _installed() -> dict[str, str]:
    """Normalised name -> version; of a package that is there twice, the one that is imported."""
    found: dict[str, str] = {}
    for package in distributions():
        # An uninstall that was interrupted leaves a folder without metadata.
        if package.read_text("METADATA") or package.read_text("PKG-INFO"):
            found.setdefault(canonicalize_name(package.metadata["Name"]), package.version)
    return found


def _at(value: Any, keys: tuple[str, ...]) -> Any:
    """The value below these keys; None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
