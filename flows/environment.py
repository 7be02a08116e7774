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


def prefect_environment(workspace: Path) -> dict[str, str]:
    """Where Prefect keeps the runs of a workspace; empty when the user names a server or a home of their own."""
    if "PREFECT_API_URL" in os.environ or "PREFECT_HOME" in os.environ:
        return {}
    return {
        "PREFECT_HOME": str(workspace / ".prefect"),
        # The first start of the temporary server migrates its database, which takes longer than the default.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    }


def use_prefect_of(workspace: Path) -> None:
    """Let Prefect, imported later, keep its runs in the workspace."""
    os.environ.update(prefect_environment(workspace))
