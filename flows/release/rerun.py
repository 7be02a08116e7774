"""A release made again: its code at the recorded commit, its parameters and data, every stage from the beginning."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.dvc_engine import reproduce
from flows.process import StreamedProcess, run_quietly
from flows.release.contents import STATE
from flows.release.manifest import MANIFEST, differences
from flows.release.reading import ReleaseFiles
from flows.release.stages import CHAIN_FILE
from flows.tracking.lock import Lock, read_lock
from flows.workspace import COHORT_LINK, Workspace
from tasks.installed_versions import ANY_VERSIONS
from tasks.params.reading import read_document
from tasks.stage import CODE_LINK
from tasks.stages import BATCHES, RELEASES
from veribeat.errors import InputError

Log = Callable[[str], None]

REMOTE = "audited"

_OF_A_FOLDER = frozenset({"path", "md5", "hash", "size", "nfiles"})
"""What `dvc add` says of a folder."""
_MISSING_FILE = re.compile(r"(?:ERROR: failed to transfer '|md5: )([0-9a-f]{32}(?:\.dir)?)")
"""What DVC prints of a file that it cannot get, and of a folder whose listing it finds nowhere."""


@dataclass(frozen=True)
class Sources:
    """Where a rerun gets from what a release does not hold."""

    code: str
    """Git repository with the recorded commit: a folder or an address."""
    data: Path | None
    """PTB-XL folder with the first records; None where the stages make them, or to find out that one is needed."""
    remote: str | None
    """DVC remote with the batches: a folder or an address; None as for `data`."""


@dataclass(frozen=True)
class Rerun:
    """A workspace in which a release is made again, and the code that it runs on."""

    path: Path
    code: Path

    @property
    def lock(self) -> Lock:
        """dvc.lock, as it is now."""
        return read_lock(self.path)

    def code_writes_chain(self) -> bool:
        """Whether the release's dvc.yaml, whose commands a rerun executes, is what its code writes of its params.yaml.

        Afterwards the workspace has the one that the code writes.
        """
        file = self.path / CHAIN_FILE
        of_release = file.read_bytes()
        command = [sys.executable, "-m", "flows", "dvc-yaml", "--workspace", str(self.path)]
        run_quietly(command, cwd=self.code)
        return file.read_bytes() == of_release

    def changed_inputs(self, stages: Sequence[str]) -> list[str]:
        """Code and data, by path, that are not what the release's dvc.lock records; sorted."""
        made = {path for stage in self.lock.stages.values() for path in stage.outputs}
        found = json.loads(run_quietly(["dvc", "status", "--json", *stages], cwd=self.path))
        changed = {
            path
            for changes in found.values()
            for change in changes
            if isinstance(change, dict)
            for path in change.get("changed deps", ())
        }
        return sorted(changed - made)

    def run(self, stage: str, log: Log) -> None:
        """Run one stage, whatever the cache holds; InputError or StageFailed as `reproduce` says."""
        variables = {"PYTHONPATH": str(self.code), ANY_VERSIONS: "1"}  # the audit names those that differ
        reproduce(Workspace(self.path), stage, log, force=True, variables=variables)


@contextmanager
def prepared_rerun(
    release: Path, commit: str, stages: Sequence[str], sources: Sources, kept: Path | None
) -> Iterator[Rerun]:
    """The release's state on its code, with its data, ready to run.

    Args:
        release: a release whose manifest has been checked.
        commit: of the code.
        stages: that will be run.
        sources: of code and data.
        kept: a new folder to work in; None for a temporary one that is removed at the end.

    Raises InputError when code or data cannot be had.
    """
    if kept is not None:
        kept.mkdir(parents=True)
        yield _prepare(kept.resolve(), release, commit, stages, sources)
        return
    with TemporaryDirectory(prefix="veribeat-audit-") as folder:
        yield _prepare(Path(folder).resolve(), release, commit, stages, sources)


def _prepare(folder: Path, release: Path, commit: str, stages: Sequence[str], sources: Sources) -> Rerun:
    code = _checked_out(sources.code, commit, folder / "code")
    lock = read_lock(release)
    inputs = {path for stage in stages for path in lock.stages[stage].inputs}
    linked = any(path.startswith(f"{CODE_LINK}/") for path in inputs)
    place = folder / "workspace" if linked else code
    if linked:
        place.mkdir()
        run_quietly(["dvc", "init", "--no-scm"], cwd=place)
        run_quietly(["dvc", "config", "core.analytics", "false"], cwd=place)
        shutil.copyfile(code / ".dvcignore", place / ".dvcignore")
        (place / CODE_LINK).symlink_to(code, target_is_directory=True)
    for name in STATE:
        shutil.copyfile(release / name, place / name)
    tops = {path.split("/")[0] for path in inputs}
    if str(COHORT_LINK) in tops:
        if sources.data is None:
            raise InputError(
                f"{release} was made from a folder in PTB-XL's layout that is not part of it: name one with --data."
            )
        (place / COHORT_LINK).symlink_to(sources.data.resolve(), target_is_directory=True)
    earlier = {path.split("/")[1] for path in inputs if path.startswith(f"{RELEASES}/")}
    if (champion := ReleaseFiles(release).champion) is not None:
        earlier.add(champion)  # learnt.csv goes on from it, whatever the training does
    for name in sorted(earlier):
        _bring_release(release, name, place)
    if BATCHES in tops:
        _pull_batches(release, place, sources.remote)
    return Rerun(place, code)


def _checked_out(repository: str, commit: str, folder: Path) -> Path:
    run_quietly(["git", "clone", "--no-checkout", repository, str(folder)], cwd=folder.parent)
    try:
        run_quietly(["git", "checkout", "--detach", commit], cwd=folder)
    except InputError as error:
        raise InputError(
            f"{repository} has no commit {commit}, by which the release was made: name a repository that has, with"
            " --code."
        ) from error
    return folder


def _bring_release(release: Path, name: str, place: Path) -> None:
    """The earlier release that a challenger began with; it lies beside the one that is audited."""
    if name in {"", ".", "..", release.resolve().name} or "/" in name:
        raise InputError(f"{release} cannot be trained from the release '{name}' that it names.")
    earlier = release.resolve().parent / name
    if not (earlier / MANIFEST).is_file():
        raise InputError(f"{release} was trained from release {name}: put that one beside it, as {earlier}.")
    if changed := differences(earlier):
        file, state = next(iter(changed.items()))
        raise InputError(f"{earlier / file}, which the release was trained from, is {state}.")
    shutil.copytree(earlier, place / RELEASES / name)


def _tracked_batches(folder: Path) -> list[Path]:
    """The .dvc files in `folder`, sorted; InputError where one is about more than the folder of its own name.

    DVC would bring what such a file says to wherever it says, also from an address that it names.
    """
    files = sorted(folder.glob("*.dvc"))
    for file in files:
        document = read_document(file)
        outs = document.get("outs")
        (out,) = outs if isinstance(outs, list) and len(outs) == 1 else (None,)
        own = isinstance(out, dict) and set(out) <= _OF_A_FOLDER and out.get("path") == file.stem
        if not own or not set(document) <= {"outs", "md5"}:
            raise InputError(
                f"{file.name} of the release is not what 'dvc add' writes of a batch: restore the release from a"
                " backup."
            )
    return files


def _pull_batches(release: Path, place: Path, remote: str | None) -> None:
    if remote is None:
        raise InputError(f"{release} was made from batches in a DVC remote: name it with --remote.")
    run_quietly(["dvc", "remote", "add", "--force", "--default", REMOTE, remote], cwd=place)
    shutil.copytree(release / BATCHES, place / BATCHES)
    for file in _tracked_batches(place / BATCHES):
        process = StreamedProcess(["dvc", "pull", f"{BATCHES}/{file.name}"], cwd=place)
        lines = list(process.lines())
        missing = [match[1] for line in lines if (match := _MISSING_FILE.match(line))]
        if missing:
            raise InputError(
                f"{remote} lacks data of the batch {file.stem}, the file with MD5 {missing[0]}: run 'veribeat push' in"
                " the release's workspace, then audit again."
            )
        if process.returncode:
            raise InputError(f"'dvc pull' of {file.stem} from {remote} failed: {lines[-1]}")
