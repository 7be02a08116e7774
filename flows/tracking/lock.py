"""dvc.lock: which parameters made which outputs, by hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from veribeat.errors import InputError

LOCK_FILE = "dvc.lock"


@dataclass(frozen=True)
class LockedStage:
    """What one stage read and wrote, as path -> md5, and the parameters it ran with, as key -> value."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    params: Mapping[str, Any]

    def section(self, prefix: str) -> dict[str, Any]:
        """The parameters below the only key that is `prefix` or begins with it and a dot, such as "presets"."""
        for key, value in self.params.items():
            if key == prefix or key.startswith(f"{prefix}."):
                return dict(value) if isinstance(value, Mapping) else {key.rpartition(".")[2]: value}
        return {}


@dataclass(frozen=True)
class Lock:
    """A workspace's dvc.lock."""

    workspace: Path
    sha256: str
    stages: Mapping[str, LockedStage]

    def verified(self, output: str) -> Path:
        """The path of an output whose bytes are those that the lock names.

        Raises:
            InputError: the file is missing or has been changed since its stage wrote it.
        """
        md5 = next((stage.outputs[output] for stage in self.stages.values() if output in stage.outputs), None)
        path = self.workspace / output
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise InputError(f"{path} is missing: run the pipeline again to bring it back.") from error
        if md5 != hashlib.md5(content, usedforsecurity=False).hexdigest():
            raise InputError(f"{path} is not what {LOCK_FILE} records: run the pipeline again to renew it.")
        return path


def read_lock(workspace: Path) -> Lock:
    """The workspace's dvc.lock; raises InputError when it is missing, damaged, or records no stage."""
    path = workspace / LOCK_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"No {path}: run the pipeline first, or restore the release from a backup."
        ) from error
    try:
        document = YAML(typ="safe").load(content)
        stages = {str(name): _locked_stage(entry) for name, entry in document["stages"].items()}
    except (YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is damaged: run the pipeline again, or restore the release from a backup."
        ) from error
    return Lock(workspace, hashlib.sha256(content).hexdigest(), stages)


def _locked_stage(entry: Mapping[str, Any]) -> LockedStage:
    inputs, outputs = (
        {str(file["path"]): str(file["md5"]) for file in entry.get(key, ())} for key in ("deps", "outs")
    )
    params = {key: value for file in entry.get("params", {}).values() for key, value in file.items()}
    return LockedStage(inputs, outputs, params)
