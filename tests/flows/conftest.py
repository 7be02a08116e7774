"""A checkout whose pipeline has run, made once for all tests of the flows, and a server to download from."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bare_updates import make_workspace, with_champion
from checkout import EXPLAINED, Checkout
from downloads import small_folder
from file_server import FileServer, serving

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
