"""Settings of Prefect, DVC and MLflow that must be in the environment before they are imported."""

import os
from pathlib import Path

QUIET_TOOLS = {
    "DVC_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""No tool phones home."""

QUIET_LIBRARIES = {"PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning"}
"""Libraries' notes to their own maintainers stay out of the logs of stages; tests show them."""


def quieten_tools() -> None:
    """Switch off every tool's telemetry for this process and its children."""
    os.environ.update(QUIET_TOOLS)


def prefect_home(workspace: Path) -> Path:
    """Where Prefect keeps the runs of a workspace, unless the user has chosen a home of their own."""
    return Path(os.environ.get("PREFECT_HOME", workspace / ".prefect"))
