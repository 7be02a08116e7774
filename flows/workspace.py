"""Workspaces: one cohort each, with its params.yaml, dvc.yaml, dvc.lock and outputs."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.code_dependencies import CODE_ROOT
from flows.dvc_file import render
from flows.process import run_quietly
from tasks.params.document import Params, read_params
from tasks.params.reading import PARAMS_FILE, parse, read_document
from tasks.stage import CODE_LINK
from tasks.stages import PTBXL_FILES, Stage, stages
from veribeat.errors import InputError

COHORT_LINK = Path("cohort")


@dataclass(frozen=True)
class Workspace:
    """A folder that holds one cohort's parameters, pipeline and outputs."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Workspace":
        """The workspace in `path`; raises InputError when there is none."""
        resolved = path.resolve()
        if not (resolved / PARAMS_FILE).is_file() or not (resolved / ".dvc").is_dir():
            raise InputError(
                f"{path} is not a workspace: make one with 'veribeat init {path} --data PTBXL_FOLDER'."
            )
        return cls(resolved)

    @property
    def params_file(self) -> Path:
        """Path of params.yaml."""
        return self.path / PARAMS_FILE

    def params(self) -> Params:
        """params.yaml, checked."""
        return read_params(self.params_file)

    def stages(self) -> tuple[Stage, ...]:
        """The stages that this workspace's parameters ask for, in running order."""
        return stages(self.params())

    def dvc_yaml(self) -> str:
        """What dvc.yaml should hold."""
        return render(self.stages(), "" if self.path == CODE_ROOT else f"{CODE_LINK}/")

    def write_dvc_yaml(self) -> bool:
        """Bring dvc.yaml up to date with parameters and code; true when it changed."""
        if self.dvc_yaml_is_current():
            return False
        file = self.path / "dvc.yaml"
        scratch = file.with_suffix(".yaml.new")
        scratch.write_text(self.dvc_yaml(), encoding="utf-8")
        scratch.replace(file)
        return True

    def dvc_yaml_is_current(self) -> bool:
        """Whether dvc.yaml holds what it should."""
        file = self.path / "dvc.yaml"
        return file.is_file() and file.read_text(encoding="utf-8") == self.dvc_yaml()

    def set_param(self, assignment: str) -> str:
        """Edit params.yaml by "a.b=value" (value in YAML), keeping its comments; returns the line to show.

        Raises InputError, and leaves the file alone, when the result would not be valid.
        """
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise InputError(f"'{assignment}' is not of the form section.key=value.")
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096
        document = yaml.load(self.params_file)
        *parents, last = key.split(".")
        block: Any = document
        for parent in parents:
            block = block.get(parent) if isinstance(block, dict) else None
        if not isinstance(block, dict) or last not in block:
            raise InputError(f"{PARAMS_FILE}: there is no key '{key}' to set.")
        try:
            block[last] = YAML(typ="safe").load(text)
        except YAMLError as error:
            raise InputError(f"'{text}' is not a YAML value for '{key}'.") from error
        scratch = self.params_file.with_suffix(".yaml.new")
        try:
            yaml.dump(document, scratch)
            parse(Params, read_document(scratch), path=PARAMS_FILE)
            scratch.replace(self.params_file)
        finally:
            scratch.unlink(missing_ok=True)
        return f"{key}: {text}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for one run; InputError when another run holds it.

        The operating system drops the lock with the process that holds it, however that ends.
        """
        file = self.path / ".dvc" / "tmp" / "veribeat.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"Another run is busy in {self.path}: wait for it to end, then run again."
                ) from error
            yield


def create_workspace(path: Path, data: Path) -> Workspace:
    """Make `path` a workspace on the PTB-XL folder `data`, with the parameters of the paper's recipe.

    The folder becomes a DVC project of its own; links lead to the data and to the code, so that dvc.lock names
    neither this machine's folders nor a copy of them. Raises InputError when `path` is a workspace already or
    `data` is not a PTB-XL folder.
    """
    for file in PTBXL_FILES:
        if not (data / file).exists():
            raise InputError(f"{data} is not a PTB-XL folder: it has no {file}.")
    if (path / PARAMS_FILE).exists() or (path / ".dvc").exists():
        raise InputError(f"{path} is a workspace already: choose another folder, or remove it first.")
    if path.resolve().is_relative_to(data.resolve()):
        raise InputError(f"{path} lies inside the data folder {data}: choose a folder outside of it.")
    path.mkdir(parents=True, exist_ok=True)
    run_quietly(["dvc", "init", "--quiet", "--no-scm"], cwd=path)
    run_quietly(["dvc", "config", "core.analytics", "false"], cwd=path)
    run_quietly(["dvc", "config", "core.check_update", "false"], cwd=path)
    (path / ".dvcignore").write_text("/code\n/mlflow\n/runs\n/scratch\n/.prefect\n", encoding="utf-8")
    (path / COHORT_LINK).symlink_to(data.resolve(), target_is_directory=True)
    (path / CODE_LINK).symlink_to(CODE_ROOT, target_is_directory=True)
    shutil.copyfile(CODE_ROOT / PARAMS_FILE, path / PARAMS_FILE)
    workspace = Workspace(path.resolve())
    workspace.set_param("cohort.source=ptbxl")
    for arm in workspace.params().arms:
        workspace.set_param(f"arms.{arm}.preset=paper")
    workspace.write_dvc_yaml()
    return workspace
