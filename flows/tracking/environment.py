"""Where a workspace's MLflow store is, and the settings that must be made before MLflow is imported."""

import logging
import os
import sys
from pathlib import Path

from flows.environment import QUIET_TOOLS
from veribeat.errors import InputError

TRACKING_URI = "MLFLOW_TRACKING_URI"

_QUIET = {
    **QUIET_TOOLS,
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_SERVER = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"
}  # with it the server takes seven times as long to start


def quieten() -> None:
    """Turn off telemetry, progress bars and chatter; MLflow reads these settings when it is imported."""
    os.environ.update(_QUIET)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a line per migration of a new database


def store_folder(workspace: Path) -> Path:
    """The folder with a workspace's runs and artifacts; no stage reads it."""
    return workspace.resolve() / "mlflow"


def tracking_uri(workspace: Path) -> str:
    """MLFLOW_TRACKING_URI where the user has set it, otherwise the workspace's own database.

    The path is absolute: a relative one would name another database in every working directory.
    """
    return os.environ.get(TRACKING_URI) or f"sqlite:///{store_folder(workspace) / 'mlflow.db'}"


def is_shared() -> bool:
    """Whether runs go to a store that the user has chosen, where other workspaces may have theirs."""
    return bool(os.environ.get(TRACKING_URI))


def artifact_root(workspace: Path) -> str | None:
    """Where a new experiment keeps its files; None leaves it to the server that the user has chosen."""
    if is_shared():
        return None
    return (store_folder(workspace) / "artifacts").as_uri()


def ui_command(workspace: Path, port: int) -> list[str]:
    """The command that serves MLflow's pages for the workspace's store on this machine only.

    Raises InputError when the user's MLFLOW_TRACKING_URI is a server, which has pages of its own.
    """
    uri = tracking_uri(workspace)
    if uri.startswith(("http://", "https://", "databricks")):
        raise InputError(
            f"{TRACKING_URI} names the server {uri}: open that in a browser, or unset the variable."
        )
    store = store_folder(workspace)
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", uri),
        *("--artifacts-destination", (store / "artifacts").as_uri()),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]


def ui_environment() -> dict[str, str]:
    """The environment for `ui_command`."""
    return {**os.environ, **_QUIET, **_SERVER}
