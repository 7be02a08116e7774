"""Workspaces: one cohort each, with its params.yaml, dvc.yaml, dvc.lock and outputs."""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from flows.code_dependencies import CODE_ROOT
from flows.dvc_file import render
from flows.folders import held, new_folder, write_whole
from flows.process import run_quietly
from tasks.params.document import Params, read_params
from tasks.params.reading import PARAMS_FILE, parse, read_document
from tasks.stage import CODE_LINK
from tasks.stage_description import Stage
from tasks.stages import PTBXL_FILES, SIMULATION_TRUTH, stages
from veribeat.errors import InputError

COHORT_LINK = Path("cohort")

NAMED_SECTIONS = ("arms", "presets", "selections")
"""Sections of params.yaml whose keys are names that a user chooses, so that an assignment may add one."""
RETRAINING = (
    "arms.challenger={backbone: cnn_gru_flow, preset: update, selection: erts_update, seed: 1,"
    " start: champion, replay: 1.0}",
    "retrain.challenger=challenger",
    "explain.witness=null",
    "prototypes.most_candidates=100",  # minutes less for every update
)
"""Assignments that make a workspace one for updates."""

REMOTE = "storage"
"""Name of the DVC remote that a new workspace has."""

FIRST_ARM = "baseline"
"""The one arm of a new workspace on real records; the others in the root's params.yaml are its simulated cohort's."""


@dataclass(frozen=True)
class Workspace:
    """A folder that holds one cohort's parameters, pipeline and outputs."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Workspace":
        """The workspace in `path`; raises InputError when there is none."""
        resolved = path.resolve()
        if (resolved / ".dvc").is_dir() and not (resolved / PARAMS_FILE).is_file():
            raise InputError(f"The workspace {path} has no {PARAMS_FILE}: restore it, then run again.")
        if not (resolved / ".dvc").is_dir():
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
        write_whole(self.path / "dvc.yaml", self.dvc_yaml())
        return True

    def dvc_yaml_is_current(self) -> bool:
        """Whether dvc.yaml holds what it should."""
        file = self.path / "dvc.yaml"
        return file.is_file() and file.read_text(encoding="utf-8") == self.dvc_yaml()

    def written_stages(self) -> frozenset[str]:
        """Names of the stages in dvc.yaml as it is, also where it is out of date; none where there is no such file.

        Raises InputError when the file is damaged.
        """
        file = self.path / "dvc.yaml"
        if not file.is_file():
            return frozenset()
        try:
            return frozenset(map(str, YAML(typ="safe").load(file)["stages"]))
        except (YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
            raise InputError(f"{file} is damaged: run 'veribeat dvc-yaml' there to write it anew.") from error

    def set_params(self, assignments: Iterable[str]) -> list[str]:
        """Edit params.yaml by assignments such as "a.b=value" (value in YAML), keeping its comments.

        Returns a line to show for each. Raises InputError, and leaves the file alone, when the result of all of them
        together would not be valid.
        """
        lines: list[str] = []
        self._edit(lambda document: lines.extend(_assign(document, assignment) for assignment in assignments))
        return lines

    def keep_only(self, arm: str) -> None:
        """Explain `arm`, and take all others out of params.yaml, the witness with them; raises as `set_params` does."""

        def edit(document: Any) -> None:
            for other in set(document["arms"]) - {arm}:
                del document["arms"][other]
            # The empty line before the next section hung on the last arm.
            sections = list(document)
            following = sections[sections.index("arms") + 1]
            document.yaml_set_comment_before_after_key(following, before="\n")
            document["explain"]["witness"] = None
            if document["explain"]["arm"] is not None:
                document["explain"]["arm"] = arm

        self._edit(edit)

    def _edit(self, edit: Callable[[Any], None]) -> None:
        """Apply `edit` to the content of params.yaml; the file changes only when the result is valid."""
        read_document(self.params_file)  # says in one sentence what the editor below would not
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096
        document = yaml.load(self.params_file)
        edit(document)
        scratch = self.params_file.with_suffix(".yaml.new")
        try:
            yaml.dump(document, scratch)
            parse(Params, read_document(scratch), path=PARAMS_FILE)
            scratch.replace(self.params_file)
        finally:
            scratch.unlink(missing_ok=True)

    def check_cohort(self) -> None:
        """Raise InputError when the link to the data leads to a folder that is no longer whole, or of another kind."""
        link = self.path / COHORT_LINK
        source = self.params().cohort.source
        if source == "simulated":
            return
        if source == "ptbxl" and (link / SIMULATION_TRUTH).exists():
            raise InputError(
                f"{link} leads to simulated records, but by 'cohort.source' they are PTB-XL's, and no page would tell:"
                " set it to simulated_folder."
            )
        for file in PTBXL_FILES:
            if not (link / file).exists():
                raise InputError(
                    f"{link} leads to {link.resolve()}, which has no {file}: bring the data back, or point the link"
                    " to where they are now."
                )
        for folder, _, names in os.walk(link / PTBXL_FILES[0]):
            for record in (Path(folder, name) for name in names):
                # DVC cannot hash such a folder, and says so less clearly.
                if record.is_symlink() and not _leads_somewhere(record):
                    raise InputError(f"{record} is a link that leads nowhere: remove it, then run again.")

    def lock(self) -> AbstractContextManager[None]:
        """Hold the workspace for one run; InputError when another run holds it."""
        busy = f"Another run is busy in {self.path}: wait for it to end, then run again."
        return held(self.path / ".dvc" / "tmp" / "veribeat.lock", busy)


def create_workspace(
    path: Path, data: Path, assignments: Iterable[str] = (), remote: str | None = None
) -> Workspace:
    """Make `path` a workspace on the PTB-XL folder `data`, with the preset `fast` and then `assignments`.

    On real records it has the arm `baseline` alone and no witness, before `assignments`; on simulated ones all arms of
    the root's params.yaml, with the preset `short`. The folder becomes a DVC project of its own; links lead to the data
    and to the code, so that dvc.lock names neither this machine's folders nor a copy of them. Its default DVC remote is
    `remote`, a folder or an address, or else the folder PATH-remote beside it, which the first push makes. Raises
    InputError, and leaves nothing behind, when `path` exists, `data` is not a PTB-XL folder, or an assignment or
    `remote` is wrong.
    """
    for file in PTBXL_FILES:
        if not (data / file).exists():
            raise InputError(f"{data} is not a PTB-XL folder: it has no {file}.")
    if path.resolve().is_relative_to(data.resolve()):
        raise InputError(f"{path} lies inside the data folder {data}: choose a folder outside of it.")
    simulated = (data / SIMULATION_TRUTH).exists()
    url = _remote_url(remote, path, data)
    with new_folder(path) as scratch:
        run_quietly(["dvc", "init", "--no-scm"], cwd=scratch)
        run_quietly(["dvc", "config", "core.analytics", "false"], cwd=scratch)
        run_quietly(["dvc", "config", "core.check_update", "false"], cwd=scratch)
        run_quietly(["dvc", "remote", "add", "--default", REMOTE, url], cwd=scratch)
        shutil.copyfile(CODE_ROOT / ".dvcignore", scratch / ".dvcignore")
        shutil.copyfile(CODE_ROOT / PARAMS_FILE, scratch / PARAMS_FILE)
        (scratch / COHORT_LINK).symlink_to(data.resolve(), target_is_directory=True)
        (scratch / CODE_LINK).symlink_to(CODE_ROOT, target_is_directory=True)
        workspace = Workspace(scratch.resolve())
        if not simulated:
            workspace.keep_only(FIRST_ARM)
        source = "simulated_folder" if simulated else "ptbxl"
        preset = "short" if simulated else "fast"
        arms = [f"arms.{arm}.preset={preset}" for arm in workspace.params().arms]
        workspace.set_params([f"cohort.source={source}", *arms, *assignments])
        workspace.write_dvc_yaml()
    return Workspace(path.resolve())


def _remote_url(remote: str | None, path: Path, data: Path) -> str:
    """What to tell DVC, from within the workspace `path`."""
    if remote is None:
        return str(Path("..", f"{path.absolute().name}-remote"))
    if not remote.strip():  # as of an unset variable; it would become the folder that the user is in
        raise InputError("The remote has no name: give a folder or an address, or leave --remote out.")
    if "://" in remote:
        return remote
    folder = Path(remote).absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{remote} is not a folder: choose another place for the remote.")
    for outer in (data, path):
        if folder.resolve().is_relative_to(outer.resolve()):
            raise InputError(f"{remote} lies inside {outer}: choose another place for the remote.")
    return str(folder)


def _leads_somewhere(link: Path) -> bool:
    try:
        link.stat()
    except OSError:
        return False
    return True


def _assign(document: Any, assignment: str) -> str:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise InputError(f"'{assignment}' is not of the form section.key=value.")
    *parents, last = key.split(".")
    block = document
    for parent in parents:
        block = block.get(parent) if isinstance(block, dict) else None
    known = isinstance(block, dict) and (
        last in block or parents in ([section] for section in NAMED_SECTIONS)
    )
    if not known:
        raise InputError(f"{PARAMS_FILE}: there is no key '{key}' to set.")
    try:
        value = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise InputError(f"'{text}' is not a YAML value for '{key}'.") from error
    if isinstance(value, list):
        # On one line, as the file has them: what follows a list in lines of its own does not survive another edit.
        value = CommentedSeq(value)
        value.fa.set_flow_style()
    block[last] = value
    return f"{key}: {text}"
