"""The ledger of updates: what each took, found and decided, a folder for each.

The steps of an update leave files there, in this order: taken.json, versions.json, screening/, decision.json,
done.json. Every file appears whole, so that an update that was killed goes on after its last step. The champion is what
the last decision says that has a complete release; nothing else knows it, and MLflow's alias follows.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from flows.folders import new_folder, write_whole
from flows.json_text import json_text
from flows.release.contents import release_folder
from flows.release.manifest import is_complete
from veribeat.errors import InputError

UPDATES = "updates"

Kind = Literal["first", "update", "rollback"]
"""The first champion; a challenge by new records; an earlier release put back by hand."""

TAKEN, VERSIONS, DECISION, DONE = "taken.json", "versions.json", "decision.json", "done.json"


@dataclass(frozen=True)
class TakenBatch:
    """A batch of the inbox: its name there, and a digest of its files."""

    name: str
    digest: str


@dataclass(frozen=True)
class Decision:
    """How an update ended: the release that is champion from now on, or why the champion stays."""

    release: str | None
    reasons: tuple[str, ...]
    held: tuple[str, ...] = ()
    """Names of the batches that are not learnt from."""

    @property
    def accepted(self) -> bool:
        """Whether the champion changes."""
        return self.release is not None


@dataclass(frozen=True)
class Update:
    """One update in the ledger of the workspace `workspace`."""

    workspace: Path
    name: str
    """Such as 0003: its number."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.workspace / UPDATES / self.name

    @property
    def kind(self) -> Kind:
        """What it is."""
        kind: Kind = self._read(TAKEN)["kind"]
        return kind

    @property
    def batches(self) -> tuple[TakenBatch, ...]:
        """What it took from the inbox."""
        return tuple(TakenBatch(**batch) for batch in self._read(TAKEN)["batches"])

    @property
    def champion(self) -> str | None:
        """The release that was champion when it began."""
        champion: str | None = self._read(TAKEN)["champion"]
        return champion

    @property
    def reason(self) -> str:
        """Of a rollback: what the user said."""
        return str(self._read(TAKEN)["reason"])

    @property
    def began(self) -> str:
        """When, in ISO 8601."""
        return str(self._read(TAKEN)["began"])

    @property
    def ended(self) -> str | None:
        """When, in ISO 8601; None as long as something is left to do."""
        return str(self._read(DONE)["ended"]) if self.done else None

    @property
    def decision(self) -> Decision | None:
        """None as long as there is none."""
        if not (self.folder / DECISION).is_file():
            return None
        found = self._read(DECISION)
        return Decision(found["release"], tuple(found["reasons"]), tuple(found["held"]))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / DONE).is_file()

    @property
    def other_versions(self) -> tuple[str, ...]:
        """Packages that were not as pinned in one of the processes that worked on it, sorted."""
        return tuple(self._read(VERSIONS)["other_versions"]) if (self.folder / VERSIONS).is_file() else ()

    def add_versions(self, others: Sequence[str]) -> None:
        """Enter packages that are not as pinned, before anything runs with them; a kill may lie between two entries."""
        self.write(VERSIONS, {"other_versions": sorted({*self.other_versions, *others})})

    def stored_name(self, batch: TakenBatch) -> str:
        """Of the batch in batches/, taken/ and held/; unique, where inbox names may come again."""
        return f"{self.name}-{batch.name}"

    def write(self, file: str, content: Any) -> None:
        """Write one of its JSON files, whole or not at all."""
        write_whole(self.folder / file, json_text(content))

    def decide(self, decision: Decision) -> None:
        """Enter how it ended."""
        self.write(DECISION, asdict(decision))

    def _read(self, file: str) -> Any:
        path = self.folder / file
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}): restore it from a backup.") from error


def updates(workspace: Path) -> tuple[Update, ...]:
    """All updates of a workspace, the first one first."""
    folder = workspace / UPDATES
    names = [path.name for path in folder.glob("[0-9]*") if path.is_dir()] if folder.is_dir() else []
    numbers = sorted((name for name in names if re.fullmatch(r"\d{4,}", name)), key=int)
    return tuple(Update(workspace, name) for name in numbers)


def begin(
    workspace: Path,
    kind: Kind,
    batches: Sequence[TakenBatch],
    champion: str | None,
    began: str,
    reason: str = "",
    decision: Decision | None = None,
) -> Update:
    """Enter a new update, together with the decision where that is clear from the beginning."""
    known = updates(workspace)
    name = f"{int(known[-1].name) + 1 if known else 1:04d}"
    content = {
        "kind": kind,
        "batches": [asdict(batch) for batch in batches],
        "champion": champion,
        "began": began,
        "reason": reason,
    }
    with new_folder(workspace / UPDATES / name) as scratch:
        (scratch / TAKEN).write_text(json_text(content), encoding="utf-8")
        if decision is not None:
            (scratch / DECISION).write_text(json_text(asdict(decision)), encoding="utf-8")
    return Update(workspace, name)


def champion_of(workspace: Path) -> str | None:
    """The release of the last decision that has a complete one; None before the first."""
    for update in reversed(updates(workspace)):
        release = None if update.decision is None else update.decision.release
        if release is not None and is_complete(release_folder(workspace, release)):
            return release
    return None


def learnt_in(workspace: Path, digest: str, cohort: Sequence[str]) -> str | None:
    """The update that took a batch with this digest into `cohort`, or None.

    `cohort` are names in batches/: those of the champion, so that a batch may come again once it is rolled back.
    """
    for update in updates(workspace):
        for batch in update.batches:
            if batch.digest == digest and update.stored_name(batch) in cohort:
                return update.name
    return None
