"""MLflow's and Prefect's own pages, on a workspace's stores."""

import subprocess
import time

from flows.environment import prefect_home
from flows.prefect_server import HOST, server_command
from flows.process import environment
from flows.tracking.environment import ui_command, ui_environment
from flows.workspace import Workspace
from veribeat.errors import InputError

MLFLOW_PORT = 5000
PREFECT_PORT = 4200


def serve_pages(place: Workspace) -> None:
    """Serve both pages on this machine's loopback address until Ctrl-C.

    Raises InputError when one of the servers ends by itself, as it does where its port is taken.
    """
    commands = {
        "MLflow": (ui_command(place.path, MLFLOW_PORT), environment(ui_environment())),
        "Prefect": (
            server_command(PREFECT_PORT),
            environment({"PREFECT_HOME": str(prefect_home(place.path))}),
        ),
    }
    print(f"MLflow   http://{HOST}:{MLFLOW_PORT}/#/experiments?workflowType=machine_learning")
    print(f"Prefect  http://{HOST}:{PREFECT_PORT}")
    print("Ctrl-C stops both.", flush=True)
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, (command, variables) in commands.items():
            servers[name] = subprocess.Popen(command, cwd=place.path, env=variables)
        while True:
            for name, server in servers.items():
                if server.poll() is not None:
                    raise InputError(
                        f"{name}'s server ended by itself: see the lines above; is its port taken?"
                    )
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("Stopped.")
    finally:
        for server in servers.values():
            server.terminate()
        for server in servers.values():
            server.wait()
