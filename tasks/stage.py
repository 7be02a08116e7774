"""What every stage shares: exit codes, a lock and scratch folder of its own, and outputs that appear whole."""

import fcntl
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import tasks
from veribeat.errors import InputError

OUT = Path("out")
SCRATCH = Path("scratch")
CODE_LINK = Path("code")
"""In a workspace outside the repository, a link to the code that its dvc.yaml depends on."""

EXIT_INPUT_ERROR = 2


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage's `main` as a process: exit code 2 and one sentence for bad input."""
    try:
        _check_code()
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
    stage is refused, because a killed engine can leave its stage running.
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
        yield scratch
        _remove(final)
        final.parent.mkdir(exist_ok=True)
        scratch.replace(final)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, two-space indents and a final newline; NaN is an error."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def _check_code() -> None:
    """Refuse to run other code than the code whose hashes DVC records for this workspace."""
    running = Path(str(tasks.__file__)).resolve().parents[1]
    recorded = CODE_LINK.resolve() if CODE_LINK.is_symlink() else Path.cwd().resolve()
    if running != recorded:
        raise InputError(
            f"This workspace records the code in {recorded}, but the code in {running} is running:"
            " activate the environment of the former, or run 'veribeat init' again."
        )
