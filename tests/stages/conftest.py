"""Fabricated workspaces with an MLflow store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fabricated import IN_FLOW, Fabricated

from flows.tracking.environment import quieten, tracking_uri
from flows.tracking.projection import ProjectionResult

quieten()


@pytest.fixture(autouse=True)
def no_tracking_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fabricated workspace with an MLflow store that has a database and no runs: making one takes seconds."""
    workspace = Fabricated.made_in(tmp_path_factory.mktemp("pristine"))
    from mlflow.tracking import MlflowClient

    (workspace.path / "mlflow").mkdir()
    MlflowClient(tracking_uri(workspace.path)).search_experiments()
    return workspace.path


@pytest.fixture
def workspace(pristine: Path, tmp_path: Path) -> Fabricated:
    return Fabricated.copied(pristine, tmp_path / "study")


@pytest.fixture(scope="module")
def projected(
    pristine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fabricated, ProjectionResult]]:
    """One projection, for the tests that only look at it."""
    copy = Fabricated.copied(pristine, tmp_path_factory.mktemp("seen") / "study")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield copy, copy.project(IN_FLOW)
