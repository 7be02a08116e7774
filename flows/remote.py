"""Where a workspace's outputs are kept: DVC's cache, and the remote that they are pushed to."""

import json
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dvc.config import Config, ConfigError

from flows.addresses import without_password
from flows.process import StreamedProcess
from flows.tracking.lock import LOCK_FILE, Lock, read_lock
from flows.workspace import Workspace
from tasks.params.reading import read_document
from tasks.stages import BATCHES
from veribeat.errors import InputError

_MISSING = "Missing cache files:"
"""What DVC prints, without calling it an error, before the hashes that it finds nowhere."""

_NOTHING_TO_DO = "Everything is up to date."
_PUSHED = re.compile(r"(\d+) files? pushed")

_OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")
"""Name of a file in the cache, below a folder with the first two digits; others are DVC's scratch."""


@dataclass(frozen=True)
class CacheUse:
    """What is in the cache: how many files and bytes, and how many of them no output of dvc.yaml needs.

    `unused` is None where it cannot be told: the cache is shared with other projects, or a folder's listing is gone.
    """

    files: int
    size: int
    unused: tuple[int, int] | None


def remote_url(place: Workspace) -> str | None:
    """The folder or address of the workspace's default DVC remote, without a password; None when it has none."""
    config = _config(place)
    name = config["core"].get("remote")
    if name not in config["remote"]:
        return None
    return without_password(str(config["remote"][name]["url"]))


def push(place: Workspace) -> tuple[int, str]:
    """Copy what dvc.lock names for the stages of dvc.yaml to the default remote; how many files went, and where.

    Raises InputError when there is no remote or nothing to push, the remote cannot be reached, or files are missing.
    """
    remote = remote_url(place)
    if remote is None:
        raise InputError(
            f"{place.path} has no DVC remote: add one there with 'dvc remote add --default NAME PATH_OR_URL'."
        )
    if not (place.path / LOCK_FILE).is_file():
        raise InputError(f"{place.path} has no results yet: run 'veribeat run' there, then push.")
    if not place.written_stages() & read_lock(place.path).stages.keys():  # DVC would find all up to date
        raise InputError(
            f"dvc.yaml in {place.path} has none of the stages that {LOCK_FILE} names: run 'veribeat dvc-yaml' there,"
            " then push."
        )
    process = StreamedProcess(["dvc", "push"], cwd=place.path)
    lines = [line.strip() for line in process.lines()]
    if process.returncode:
        errors = (line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: "))
        reason = next(errors, "no reason given").removeprefix("unexpected error - ")
        raise InputError(
            f"'dvc push' to {remote} failed ({reason}): check that it can be reached and written."
        )
    if any(line.endswith(_MISSING) for line in lines):
        missing = sum(line.startswith("md5: ") for line in lines)
        raise InputError(
            f"{missing} of the files that {LOCK_FILE} names are neither in the cache nor in {remote}:"
            " run 'veribeat run' to make them again, then push again."
        )
    if _NOTHING_TO_DO in lines:
        return 0, remote
    (pushed,) = (int(match[1]) for line in lines if (match := _PUSHED.fullmatch(line)))
    return pushed, remote


def cache_use(place: Workspace) -> CacheUse:
    """How large the cache is; unused is what `dvc gc --workspace` would remove."""
    cache = _cache(place) / "files" / "md5"
    sizes = {
        file.parent.name + file.name: file.stat().st_size
        for file in cache.glob("[0-9a-f][0-9a-f]/*")
        if _OBJECT.fullmatch(file.name)
    }
    used = _used_hashes(place, cache) if cache.is_relative_to(place.path / ".dvc" / "cache") else None
    if used is None:
        return CacheUse(len(sizes), sum(sizes.values()), None)
    unused = [size for md5, size in sizes.items() if md5 not in used]
    return CacheUse(len(sizes), sum(sizes.values()), (len(unused), sum(unused)))


def _used_hashes(place: Workspace, cache: Path) -> set[str] | None:
    """MD5 of what dvc.lock has of the stages of dvc.yaml, and of batches; None when a listing is not in the cache."""
    wanted = set(_batches(place))
    stages = place.written_stages()
    if stages and (place.path / LOCK_FILE).is_file():
        wanted |= _outputs(read_lock(place.path), stages)
    used, unlisted = _with_files(wanted, cache)
    return None if unlisted else used


def _batches(place: Workspace) -> Iterator[str]:
    """MD5 of each folder that `dvc add` tracks."""
    for file in sorted((place.path / BATCHES).glob("*.dvc")):
        yield from (str(out["md5"]) for out in read_document(file)["outs"])


def _outputs(lock: Lock, stages: Collection[str]) -> set[str]:
    """MD5 of the outputs of those of `stages` that the lock has."""
    return {md5 for name, stage in lock.stages.items() if name in stages for md5 in stage.outputs.values()}


def _with_files(hashes: Collection[str], cache: Path) -> tuple[set[str], bool]:
    """These and the MD5 of the files in those of folders; whether a folder's listing is not in the cache."""
    used: set[str] = set()
    unlisted = False
    for md5 in hashes:
        used.add(md5)
        if md5.endswith(".dir"):
            listing = cache / md5[:2] / md5[2:]
            if listing.is_file():
                used |= {str(file["md5"]) for file in json.loads(listing.read_text(encoding="utf-8"))}
            else:
                unlisted = True
    return used, unlisted


def check_outputs(place: Workspace, state: Path, stages: Collection[str]) -> None:
    """Have in the cache what the dvc.lock in `state` names for `stages`; what is missing comes from the remote.

    `state` is a folder with a dvc.yaml and a dvc.lock, such as a release of the workspace. Nothing but the cache
    changes. Raises InputError when some of it is nowhere.
    """
    cache, lock = _cache(place), read_lock(state)
    wanted = sorted(set(stages) & lock.stages.keys())

    def missing() -> set[str]:
        objects = cache / "files" / "md5"
        used, _ = _with_files(_outputs(lock, wanted), objects)
        return {md5 for md5 in used if not (objects / md5[:2] / md5[2:]).is_file()}

    if not missing():
        return
    remote = remote_url(place)
    reason = "" if remote is None else _fetch(place, state, wanted, cache)
    if lost := missing():
        where = "the workspace has no remote" if remote is None else f"not to be had from {remote}{reason}"
        raise InputError(
            f"{len(lost)} of the outputs that {state / LOCK_FILE} names are not in DVC's cache, and {where}: add the"
            " remote that they were pushed to, by 'dvc remote add --force --default NAME PATH_OR_URL', then try again."
        )


def _fetch(place: Workspace, state: Path, stages: Sequence[str], cache: Path) -> str:
    """Bring outputs of another dvc.lock than the workspace's into its cache; why DVC could not, in brackets, or ""."""
    own = _config(place)
    with TemporaryDirectory(prefix="veribeat-fetch-") as scratch:
        folder = Path(scratch)
        (folder / ".dvc").mkdir()
        with Config(str(folder / ".dvc")).edit() as config:
            config["core"] = {**own["core"], "no_scm": True}
            config["remote"] = own["remote"]
            config["cache"] = {**own["cache"], "dir": str(cache)}
        for name in ("dvc.yaml", LOCK_FILE):
            shutil.copyfile(state / name, folder / name)
        process = StreamedProcess(["dvc", "fetch", *stages], cwd=folder)
        lines = [line.strip() for line in process.lines()]
    errors = (line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: "))
    return next((f" ({error.removeprefix('unexpected error - ')})" for error in errors), "")


def _cache(place: Workspace) -> Path:
    return Path(_config(place)["cache"].get("dir", place.path / ".dvc" / "cache"))


def _config(place: Workspace) -> Config:
    """DVC's settings for a workspace: its own, this user's and the machine's, with absolute paths."""
    try:
        return Config(str(place.path / ".dvc"))
    except ConfigError as error:
        raise InputError(f"{place.path / '.dvc' / 'config'} is damaged: {str(error).rstrip('.')}.") from error
