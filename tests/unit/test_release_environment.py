"""The environment of a release: the same in every process, without folders, and how another one differs."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fabricated import CODE

from flows.provenance import processor
from flows.release.environment import environment, environment_differences, environment_lock


@pytest.fixture(scope="module")
def here() -> Any:
    return environment()


# What is recorded


def test_it_says_what_numbers_depend_on(here: Any) -> None:
    assert here["processor"] == processor()
    assert here["python"].endswith(".".join(map(str, sys.version_info[:3])))
    assert here["cores"] == len(os.sched_getaffinity(0))
    assert here["torch"]["version"] == torch.__version__
    assert here["torch"]["instruction_set"] == torch.backends.cpu.get_cpu_capability()
    assert any("OpenMP" in line for line in here["torch"]["built_with"])
    assert any("openblas" in library for library in here["libraries"])
    assert here["libraries"] == sorted(here["libraries"])


def test_it_is_json_without_folders(here: Any) -> None:
    text = json.dumps(here)
    assert json.loads(text) == here
    for folder in (sys.prefix, str(Path.home()), str(CODE), ".so"):
        assert folder not in text


def test_it_leaves_the_process_as_it_was() -> None:
    """The processor is asked whether it flushes denormals by doing so, elsewhere."""
    threads = torch.get_num_threads()
    environment()
    denormal = torch.tensor(1e-310, dtype=torch.float64)
    assert (denormal * 1).item() > 0
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads


def test_a_process_with_other_settings_records_the_same(here: Any) -> None:
    """Threads, and whatever else was imported: a release is made in one process and audited in another."""
    code = """
import json, torch
from models.runtime import make_deterministic
make_deterministic(1)
import shap, tslearn.metrics
from flows.release.environment import environment
print(json.dumps(environment()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=CODE, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == here


def test_the_lock_has_every_package_with_its_local_label() -> None:
    lines = environment_lock().splitlines()
    assert f"torch=={version('torch')}" in lines
    assert f"veribeat=={version('veribeat')}" in lines
    assert f"ruamel-yaml=={version('ruamel.yaml')}" in lines  # by its normalised name
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(set(names))


def test_what_an_interrupted_uninstall_leaves_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = environment_lock()
    (tmp_path / "left_behind-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert environment_lock() == before


def test_of_two_copies_the_one_that_is_imported_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "numpy-0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "numpy==0.1\n" in environment_lock()
    assert f"numpy=={np.__version__}\n" not in environment_lock()


# How another one differs


def test_the_same_environment_does_not_differ(here: Any) -> None:
    assert environment_differences(json.loads(json.dumps(here)), environment_lock()) == []


def test_the_processor_comes_first_and_packages_last(here: Any) -> None:
    recorded = {
        **here,
        "python": "CPython 3.11.0",
        "processor": "an abacus",
        "torch": {**here["torch"], "instruction_set": "SSE"},
        "libraries": ["libgomp", "libopenblas 0.1 Core2"],
    }
    lock = environment_lock().replace(f"numpy=={np.__version__}", "numpy==0.1")
    differences = environment_differences(recorded, lock)
    assert differences == [
        f"processor {processor()} instead of an abacus",
        f"instruction set {here['torch']['instruction_set']} instead of SSE",
        f"numerical libraries {', '.join(here['libraries'])} instead of libgomp, libopenblas 0.1 Core2",
        f"Python {here['python']} instead of CPython 3.11.0",
        f"numpy {np.__version__} instead of 0.1",
    ]


def test_missing_packages_count_and_added_ones_do_not(here: Any) -> None:
    lines = environment_lock().splitlines()
    lock = "\n".join([*(line for line in lines if not line.startswith("pytest==")), "not-there==1.0"])
    assert environment_differences(here, lock) == ["no not-there instead of not-there 1.0"]


def test_cores_do_not_count(here: Any) -> None:
    """Each stage takes its threads from params.yaml."""
    assert environment_differences({**here, "cores": 512}, environment_lock()) == []


@pytest.mark.parametrize("recorded", [{}, {"torch": None}, {"torch": "2.0"}])
def test_what_was_not_recorded_is_unknown(recorded: dict[str, Any]) -> None:
    differences = environment_differences(recorded, "")
    assert differences[0] == f"processor {processor()} instead of unknown"
    assert all(sentence.endswith("instead of unknown") for sentence in differences)
