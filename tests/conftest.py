"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from flows.workspace import Workspace

# How long an example takes says more about the machine than about the code.
settings.register_profile("veribeat", deadline=None)
settings.load_profile("veribeat")

# A shell's background job ignores Ctrl-C, and hands that on to what tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ptbxl_root() -> Path:
    """The real PTB-XL folder that PTBXL_ROOT names; without the variable the test is skipped."""
    if "PTBXL_ROOT" not in os.environ:
        pytest.skip("PTBXL_ROOT is not set")
    root = Path(os.environ["PTBXL_ROOT"])
    # A variable that leads nowhere is a mistake, not a reason to skip.
    assert (root / "ptbxl_database.csv").is_file(), f"PTBXL_ROOT={root} is not a PTB-XL folder"
    return root


@pytest.fixture(scope="session")
def fabricated_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fabricated workspace with all outputs; not to be changed."""
    from fabricated import Fabricated  # takes seconds to import, and few modules need it

    workspace = Fabricated.made_in(tmp_path_factory.mktemp("fabricated"))
    (workspace.path / ".dvc").mkdir()
    return workspace.path


@pytest.fixture
def place(fabricated_study: Path, tmp_path: Path) -> Workspace:
    """A copy of that workspace, for one test to change."""
    from flows.workspace import Workspace

    return Workspace.at(shutil.copytree(fabricated_study, tmp_path / "study"))


@pytest.fixture(autouse=True)
def _told_nothing_yet() -> Iterator[None]:
    """Forget the parameters of other tests: a stage, which checks those that its process has read, has its own."""
    _forget_sections()
    yield
    _forget_sections()


def _forget_sections() -> None:
    if "tasks.params.reading" in sys.modules:
        sys.modules["tasks.params.reading"]._sections_read.clear()


@pytest.fixture(autouse=True)
def _torch_as_found() -> Iterator[None]:
    """Give the next test torch's own settings: flushed denormals break hypothesis's floats."""
    yield
    if "torch" in sys.modules:
        import torch

        torch.set_flush_denormal(False)
        torch.set_deterministic_debug_mode("default")
