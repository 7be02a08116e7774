"""A checkout whose pipeline has run, made once for all tests of the flows."""

import shutil
from pathlib import Path

import pytest
from checkout import Checkout


@pytest.fixture(scope="session")
def after_flow(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the flow has run once; not to be changed."""
    checkout = Checkout.make(tmp_path_factory.mktemp("flow") / "a checkout")  # a path with a space
    assert checkout.flow() == checkout.stages()
    return checkout


@pytest.fixture
def done(after_flow: Checkout, tmp_path: Path) -> Checkout:
    """A copy of that checkout, for one test to change."""
    return Checkout(shutil.copytree(after_flow.path, tmp_path / "checkout", symlinks=True))
