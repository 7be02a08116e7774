"""What a release was made with: processor, libraries, settings and packages."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import distributions
from typing import Any

from flows.provenance import processor


def environment() -> dict[str, Any]:
    """What decides how a floating-point number is rounded here, and what else an auditor asks for."""
    # All that compute here: a library is seen once it is loaded. They take seconds to import.
    import numpy as np
    import scipy.linalg
    import sklearn.cluster  # noqa: F401
    import torch
    from threadpoolctl import threadpool_info

    found = {
        tuple((key, library.get(key)) for key in ("user_api", "internal_api", "version", "architecture"))
        for library in threadpool_info()
    }
    libraries = [dict(each) for each in sorted(found, key=str)]
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "processor": processor(),
        "cores": os.cpu_count(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "torch": {
            "version": torch.__version__,
            "capability": torch.backends.cpu.get_cpu_capability(),
            "mkl": torch.backends.mkl.is_available(),
            "mkldnn": torch.backends.mkldnn.is_available(),
            "threads": torch.get_num_threads(),
        },
        "libraries": libraries,
    }


def environment_lock() -> str:
    """NAME==VERSION of each installed package, sorted, in the format of a constraints file."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(_installed().items()))


def environment_differences(recorded: Mapping[str, Any], lock: str) -> list[str]:
    """How this environment differs from a recorded one, a short sentence for each difference; the processor first.

    Args:
        recorded: what `environment` returned there.
        lock: what `environment_lock` returned there. Packages that are only here do not count.
    """
    here = environment()
    sentences = [
        f"{what} {_text(here[key])} instead of {_text(recorded.get(key))}"
        for key, what in {
            "processor": "processor",
            "system": "system",
            "libc": "C library",
            "python": "Python",
            "torch": "torch",
            "libraries": "numerical libraries",
        }.items()
        if _counted(here[key]) != _counted(recorded.get(key))
    ]
    installed = _installed()
    for line in lock.splitlines():
        name, _, version = line.partition("==")
        if installed.get(name) != version:
            sentences.append(f"{name} {installed.get(name, 'is not installed,')} instead of {version}")
    return sentences


def _installed() -> dict[str, str]:
    return {found.metadata["Name"].lower().replace("_", "-"): found.version for found in distributions()}


def _counted(value: Any) -> Any:
    """Without the number of threads: that of a stage is `compute.threads`, not this process's."""
    if isinstance(value, Mapping):
        return {key: _counted(each) for key, each in value.items() if key != "threads"}
    return [_counted(each) for each in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(str(each) for each in value.values() if isinstance(each, str))
    return " ".join(_text(each) for each in value) if isinstance(value, list) else str(value)
