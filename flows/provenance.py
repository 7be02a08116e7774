"""What a run was made with: code, environment and what each stage did."""

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flows.addresses import without_password
from flows.code_dependencies import CODE_ROOT
from flows.dvc_engine import Outcome
from flows.tracking.projection import ProjectionResult


@dataclass(frozen=True)
class GitState:
    """The commit of the code, None outside a git checkout, and whether tracked files differ from it."""

    sha: str | None
    dirty: bool


@dataclass(frozen=True)
class StageRecord:
    """One stage of one run; `minutes` include DVC's own work."""

    name: str
    outcome: Outcome
    minutes: float


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline; belongs to runs/<id>/, never to a tracked output."""

    run_id: str
    git: GitState
    stages: tuple[StageRecord, ...]
    logged: ProjectionResult
    other_versions: tuple[str, ...]


def git_state() -> GitState:
    """The state of the checkout that holds the running code."""
    sha = _git("rev-parse", "HEAD")
    return GitState(sha, dirty=bool(sha and _git("status", "--porcelain", "--untracked-files=no")))


def code_address() -> str | None:
    """Where the checkout that holds the running code was cloned from, without a password; None where nobody knows."""
    address = _git("remote", "get-url", "origin")
    return None if address is None else without_password(address)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def processor() -> str:
    """The processor's name, as far as the platform tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=CODE_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
