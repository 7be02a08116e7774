"""Files that stages wrote, read for people to look at."""

import json
from typing import Any

from flows.workspace import Workspace
from veribeat.errors import InputError


def read_json(place: Workspace, stage: str, name: str) -> dict[str, Any] | None:
    """The object in a JSON file of a stage's outputs; None before the stage has run.

    Raises InputError when the file is damaged.
    """
    file = place.path / "out" / stage / name
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # not JSON or not UTF-8
        content = None
    if not (isinstance(content, dict) and content):
        raise InputError(
            f"{file} is damaged: remove it, then bring it back with 'veribeat run' or 'dvc checkout'."
        )
    return content
