"""What every stage shares: exit codes, a lock and scratch folder of its own, and outputs that appear whole."""

import fcntl
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import tasks
from tasks.installed_versions import check_versions
from tasks.params.reading import check_sections_unchanged
from veribeat.errors import InputError

OUT = Path("out")
SCRATCH = Path("scratch")
CODE_LINK = Path("code")
"""In a workspace outside the repository, a link to the code that its dvc.yaml depends on."""

CODE_ROOT = Path(str(tasks.__file__)).resolve().parents[1]
CONSTRAINTS = "constraints.txt"
REGISTRIES = ("models/backbones/registry.py", "models/selection/registry.py")
"""Modules that only choose among others by name: `tasks.stages.CHOICES` as files."""
CODE_FILES = ("veribeat/**/*.py", "models/**/*.py", "tasks/**/*.py", CONSTRAINTS)

EXIT_INPUT_ERROR = 2


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage's `main` as a process: exit code 2 and one sentence for bad input."""
    try:
        _check_code()
        check_versions(allow_others=False)
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


@contextmanager
def output_folder(stage: str) -> Iterator[Path]:
    """An empty scratch folder that becomes out/STAGE when the block ends without an error.

    A stage killed inside the block leaves only scratch, which its next run clears. A second process of the same
    stage is refused, because a killed engine can leave its stage running. So is a stage whose code or parameters were
    edited inside the block: DVC hashes them after the stage has ended, and would file these outputs under the edit.
    """
    SCRATCH.mkdir(exist_ok=True)
    with (SCRATCH / f"{stage}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Stage '{stage}' is already running in {Path.cwd()}: wait for it to end, or stop it, then run again."
            ) from error
        scratch, final = SCRATCH / stage, OUT / stage
        _remove(scratch)
        scratch.mkdir()
        with unchanged_code():
            yield scratch
        check_sections_unchanged()
        _remove(final)
        final.parent.mkdir(exist_ok=True)
        scratch.replace(final)


@contextmanager
def unchanged_code() -> Iterator[None]:
    """Raise InputError at the end of the block when a module that this process runs on was edited inside it."""
    code = code_digests()
    yield
    _check_code_unchanged(code)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def resume_file(stage: str, key: str) -> Path:
    """Where a long stage keeps its state between kills: scratch/STAGE.KEY.resume, its folder made.

    `key` stands for all that the state was made from; files of other keys are removed.
    """
    SCRATCH.mkdir(exist_ok=True)
    file = SCRATCH / f"{stage}.{key}.resume"
    for other in sorted(SCRATCH.glob(f"{stage}.*.resume*")):
        if other != file:
            other.unlink()
    return file


def digest(*contents: str | Path) -> str:
    """SHA-256, shortened to 20 hexadecimal digits, of texts and of the contents of files, in this order."""
    parts = []
    for content in contents:
        if isinstance(content, Path):
            with content.open("rb") as file:
                parts.append(hashlib.file_digest(file, "sha256").hexdigest())
        else:
            parts.append(hashlib.sha256(content.encode()).hexdigest())
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:20]


def code_digests() -> dict[str, str]:
    """The digest of every module below flows/ and of constraints.txt, by path in the code folder."""
    files = sorted(file for pattern in CODE_FILES for file in CODE_ROOT.glob(pattern))
    return {str(file.relative_to(CODE_ROOT)): digest(file) for file in files}


def loaded_code_digest() -> str:
    """One digest of all that this process runs on: its modules so far, and constraints.txt."""
    digests = code_digests()
    return digest(*(part for file in _loaded(digests) for part in (file, digests[file])))


def _loaded(files: Iterable[str]) -> list[str]:
    """Those of `files` that this process runs on, but for registries: DVC does not record them, either."""
    modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(path).resolve() for path in modules if path}
    return [
        file
        for file in files
        if file == CONSTRAINTS or (CODE_ROOT / file in paths and file not in REGISTRIES)
    ]


def _check_code_unchanged(before: dict[str, str]) -> None:
    now = code_digests()
    for file in _loaded(before):
        if now.get(file) != before[file]:
            raise InputError(
                f"{file} was edited while this stage ran on it: run again, and its outputs will fit the code."
            )


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, two-space indents and a final newline; NaN is an error."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def _check_code() -> None:
    """Refuse to run other code than the code whose hashes DVC records for this workspace."""
    recorded = CODE_LINK.resolve() if CODE_LINK.is_symlink() else Path.cwd().resolve()
    if recorded != CODE_ROOT:
        raise InputError(
            f"This workspace records the code in {recorded}, but the code in {CODE_ROOT} is running:"
            " activate the environment of the former, or run 'veribeat init' again."
        )
