"""Prefect's server for the length of one run, on a workspace's own database."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.environment import prefect_home
from flows.process import ending_with_parent, environment
from veribeat.errors import InputError

HOST = "127.0.0.1"
START_SECONDS = 120
"""The first start migrates a new database, which takes tens of seconds on a busy machine."""


@contextmanager
def prefect_server(workspace: Path) -> Iterator[None]:
    """Let Prefect, imported inside the block, keep its runs in the workspace.

    Does nothing where PREFECT_API_URL names a server of the user's. Prefect would start a temporary server by
    itself, but in the terminal's process group, where Ctrl-C kills it before the flow can report its end. Raises
    InputError when the server does not start.
    """
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    home = prefect_home(workspace)
    home.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)
    port = _free_port()
    log = home / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            server_command(port),
            cwd=home,
            env=environment(page_settings(port)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ending_with_parent(signal.SIGTERM),  # a killed run must not leave its server behind
        )
    try:
        _wait_until_healthy(server, port, log)
        os.environ["PREFECT_API_URL"] = f"http://{HOST}:{port}/api"
        yield
    finally:
        _send_what_is_left()
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _send_what_is_left() -> None:
    """Prefect sends logs and events from threads; left to the end of the process, they would meet no server."""
    if "prefect" in sys.modules:
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker

        for worker in (APILogWorker, EventsWorker):
            worker.drain_all(timeout=10)


def server_command(port: int) -> list[str]:
    """Arguments that start Prefect's server on this machine's loopback address."""
    prefect = str(Path(sys.executable).parent / "prefect")
    return [
        prefect,
        "--no-prompt",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        str(port),
        "--log-level",
        "ERROR",
    ]


def page_settings(port: int) -> dict[str, str]:
    """Environment of a server on `port`: without it, its pages would ask the default port for what they show."""
    return {"PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/api/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise InputError(f"Prefect's server did not start within {START_SECONDS} s; its log is {log}.")
