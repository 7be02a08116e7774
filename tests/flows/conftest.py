"""What several modules look at: a checkout whose pipeline has run, workspaces, a release, cells, a web server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import miniature
import numpy as np
import pytest
from audits import KEY
from bare_updates import make_workspace, with_champion
from checkout import EXPLAINED, Checkout
from downloads import small_folder
from fabricated_cells import make_cell
from file_server import FileServer, serving
from miniature import Miniature
from numpy.typing import NDArray

from flows.compare.ledger import FinishedCell
from flows.compare.scores import HeldOutRecords
from flows.workspace import Workspace


@pytest.fixture(scope="session")
def after_flow(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the flow has run once; not to be changed."""
    checkout = Checkout.make(tmp_path_factory.mktemp("flow") / "a checkout")  # a path with a space
    assert checkout.flow() == checkout.stages()
    return checkout


@pytest.fixture(scope="session")
def after_explanations(after_flow: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The same checkout with the explanation chain, which the flow has run; not to be changed."""
    path = tmp_path_factory.mktemp("explained") / "checkout"
    checkout = Checkout(shutil.copytree(after_flow.path, path, symlinks=True))
    before = checkout.stages()
    checkout.set_params(*EXPLAINED)
    assert checkout.flow() == [stage for stage in checkout.stages() if stage not in before]
    return checkout


@pytest.fixture
def explained(after_explanations: Checkout, tmp_path: Path) -> Checkout:
    """A copy of that checkout, for one test to change."""
    return Checkout(shutil.copytree(after_explanations.path, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def done(after_flow: Checkout, tmp_path: Path) -> Checkout:
    """A copy of that checkout, for one test to change."""
    return Checkout(shutil.copytree(after_flow.path, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A small PTB-XL folder on a web server of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(small_folder()) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where downloads go; not made yet."""
    return tmp_path / "ptbxl"


@pytest.fixture(scope="session")
def updatable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for updates in which nothing has run; not to be changed."""
    return make_workspace(tmp_path_factory.mktemp("updatable"))


@pytest.fixture
def study(updatable: Path, tmp_path: Path) -> Workspace:
    """A copy of that workspace, for one test to change, with a champion."""
    return with_champion(updatable, tmp_path)


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """A pipeline in miniature, with code, data and remote apart, and a release of it; not to be changed."""
    return miniature.make(tmp_path_factory.mktemp("linked"), linked=True, key=KEY)


@pytest.fixture
def released_copy(released: Miniature, tmp_path: Path) -> Miniature:
    """The same, for one test to change. Its links lead to the code and the data of the first one."""
    folder = tmp_path / "copy"
    shutil.copytree(released.workspace, folder, symlinks=True)
    return Miniature(released.code, folder, folder / "releases" / released.release.name)


@pytest.fixture(scope="session")
def compared(fabricated_study: Path) -> Workspace:
    """A workspace in whose cohort the cells of a comparison have been trained; not to be changed."""
    return Workspace.at(fabricated_study)


@pytest.fixture(scope="session")
def targets(compared: Workspace) -> NDArray[np.bool_]:
    """Of the test records that the cells are compared on, (N, 5)."""
    return HeldOutRecords.of(compared).targets


@pytest.fixture
def cells(tmp_path: Path, targets: NDArray[np.bool_]) -> list[FinishedCell]:
    """Of four arms, one of which lacks the second seed."""
    folder = tmp_path / "cells"
    return [
        *(make_cell(folder, "full", seed, targets, skill=0.4) for seed in (1, 2)),
        *(make_cell(folder, "best", seed, targets, skill=0.9, trained=(20, 10, 10)) for seed in (1, 2)),
        *(make_cell(folder, "worst", seed, targets, skill=0.1, focused=True) for seed in (1, 2)),
        make_cell(folder, "same", 1, targets, skill=0.4, trained=(20, 12, 20)),
    ]
