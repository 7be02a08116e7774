"""MLflow's and Prefect's own pages, on a workspace's stores."""

import subprocess
import sys
from pathlib import Path

from flows.environment import prefect_environment
from flows.process import environment
from flows.tracking.environment import ui_command, ui_environment
from flows.workspace import Workspace

MLFLOW_PORT = 5000
PREFECT_PORT = 4200


def serve_pages(place: Workspace) -> None:
    """Serve both pages on this machine's loopback address until Ctrl-C."""
    prefect = [str(Path(sys.executable).parent / "prefect"), "server", "start", "--port", str(PREFECT_PORT)]
    servers = [
        subprocess.Popen(ui_command(place.path), cwd=place.path, env=environment(ui_environment())),
        subprocess.Popen(prefect, cwd=place.path, env=environment(prefect_environment(place.path))),
    ]
    pages = {
        "MLflow": f"http://127.0.0.1:{MLFLOW_PORT}/#/experiments?workflowType=machine_learning",
        "Prefect": f"http://127.0.0.1:{PREFECT_PORT}",
    }
    for name, address in pages.items():
        print(f"{name:8} {address}")
    print("Ctrl-C stops both.", flush=True)
    try:
        for server in servers:
            server.wait()
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()
