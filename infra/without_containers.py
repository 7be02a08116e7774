"""Run a service of compose.yaml as a process of this machine: its own command, settings and health check.

    python infra/without_containers.py SERVICE [--health | COMMAND...]

Where containers would have names of their own, processes share 127.0.0.1: VERIBEAT_PORTS says which port stands for
which, as in "postgres:5432=40001 redis:6379=40002". Variables that compose.yaml asks for come from the environment,
and nothing else of it but PATH, HOME, LANG and TMPDIR reaches the service.
"""

import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

COMPOSE = Path(__file__).with_name("compose.yaml")
CODE = Path(__file__).resolve().parents[1]
CODE_IN_IMAGE = "/srv/veribeat"
HOME_IN_IMAGE = "/home/veribeat"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:[-?])([^}]*))?\})")


@dataclass(frozen=True)
class Process:
    """What to run; `folder` is None where the service has no code of ours."""

    command: tuple[str, ...]
    health: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None


def process(service: str, variables: Mapping[str, str], ports: Mapping[tuple[str, int], int]) -> Process:
    """What stands for a service; raises SystemExit with compose's own sentence for a variable that is missing."""
    document = YAML(typ="safe").load(COMPOSE)["services"]
    if service not in document:
        raise SystemExit(f"compose.yaml has no service '{service}', only {', '.join(document)}.")
    description = interpolated(document[service], variables)
    own = {port: here for (name, port), here in ports.items() if name == service}

    def text(value: Any) -> str:
        return on_loopback(str(value), ports, own)

    health = description.get("healthcheck", {}).get("test", [])
    return Process(
        command=tuple(text(word) for word in description.get("command", [])),
        health=tuple(text(word) for word in health[1:]),
        environment={key: text(value) for key, value in description.get("environment", {}).items()},
        folder=CODE if "build" in description else None,
    )


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with ${NAME}, ${NAME:-default} and ${NAME:?sentence} filled in, as compose does."""
    if isinstance(value, dict):
        return {key: interpolated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, variables) for item in value]
    return _VARIABLE.sub(lambda match: _filled(match, variables), value) if isinstance(value, str) else value


def _filled(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, operator, text = match.groups()
    if name is None:
        return "$"
    if variables.get(name):
        return variables[name]
    if operator == ":?":
        raise SystemExit(f"{name}: {text}")
    return text or ""


def on_loopback(text: str, ports: Mapping[tuple[str, int], int], own: Mapping[int, int]) -> str:
    """The text with addresses of services, and the ports that its own service listens on, as they are here."""
    for (name, port), here in ports.items():
        text = re.sub(rf"(?<![\w-]){name}:{port}\b", f"127.0.0.1:{here}", text)
    for port, here in own.items():
        text = re.sub(rf"(?<![\w-]){port}(?![\w-])", str(here), text)
    text = text.replace("0.0.0.0", "127.0.0.1")
    return text.replace(CODE_IN_IMAGE, str(CODE)).replace(HOME_IN_IMAGE, str(Path.home()))


def read_ports(text: str) -> dict[tuple[str, int], int]:
    """VERIBEAT_PORTS."""
    found = re.findall(r"([\w-]+):(\d+)=(\d+)", text)
    return {(name, int(port)): int(here) for name, port, here in found}


def main(arguments: Sequence[str]) -> None:
    """Become the service, its health check, or a command in its environment."""
    service, *command = arguments
    found = process(service, os.environ, read_ports(os.environ["VERIBEAT_PORTS"]))
    words = found.health if command == ["--health"] else command or found.command
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    if found.folder is not None:
        os.chdir(found.folder)
    environment = {**inherited, "PATH": tools, **found.environment}
    os.environ["PATH"] = tools  # where the command is looked for
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it, containers do not
    os.execvpe(words[0], list(words), environment)


if __name__ == "__main__":
    main(sys.argv[1:])
