"""MLflow's and Prefect's own pages, on a workspace's stores."""

import subprocess

from flows.environment import prefect_home
from flows.prefect_server import HOST, server_command
from flows.process import environment
from flows.tracking.environment import ui_command, ui_environment
from flows.workspace import Workspace

MLFLOW_PORT = 5000
PREFECT_PORT = 4200


def serve_pages(place: Workspace) -> None:
    """Serve both pages on this machine's loopback address until Ctrl-C."""
    servers = [
        subprocess.Popen(ui_command(place.path), cwd=place.path, env=environment(ui_environment())),
        subprocess.Popen(
            server_command(PREFECT_PORT),
            cwd=place.path,
            env=environment({"PREFECT_HOME": str(prefect_home(place.path))}),
        ),
    ]
    pages = {
        "MLflow": f"http://{HOST}:{MLFLOW_PORT}/#/experiments?workflowType=machine_learning",
        "Prefect": f"http://{HOST}:{PREFECT_PORT}",
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
