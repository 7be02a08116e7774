"""Packages that were not as pinned when the stages behind a release ran, which may be long before it is made."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.dvc_engine import Outcome
from flows.tracking.lock import read_lock
from veribeat.errors import InputError


@dataclass(frozen=True)
class StageVersions:
    """What the runs of a workspace say of the packages that its stages ran with."""

    others: tuple[str, ...]
    """Such as "torch 2.12.0 instead of 2.13.0", sorted, of all stages together."""
    unrecorded: tuple[str, ...]
    """Stages that no run has recorded, as after `dvc repro` or a run that did not end; in running order."""


@dataclass(frozen=True)
class _Run:
    finished: str
    others: tuple[str, ...]
    made: Mapping[str, Mapping[str, str]]
    """Of each stage that ran, the outputs as path -> md5."""


def versions_of_stages(workspace: Path, stages: Iterable[str]) -> StageVersions:
    """For each stage the newest folder runs/ID of a run in which it ran to the outputs that dvc.lock records now.

    A stage whose outputs came from the cache is looked up in the run that made them. A run.json that is damaged, or
    of a version that did not record this, says nothing. Raises InputError when the workspace has no dvc.lock.
    """
    lock = read_lock(workspace)
    runs = sorted(_runs(workspace), key=lambda run: run.finished, reverse=True)
    others: set[str] = set()
    unrecorded = []
    for stage in stages:
        made = lock.stages[stage].outputs
        newest = next((run for run in runs if run.made.get(stage) == made), None)
        if newest is None:
            unrecorded.append(stage)
        else:
            others |= set(newest.others)
    return StageVersions(tuple(sorted(others)), tuple(unrecorded))


def _runs(workspace: Path) -> Iterator[_Run]:
    for file in workspace.glob("runs/[!.]*/run.json"):  # one that begins with a dot was cut off
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            lock = read_lock(file.parent)
            ran = [stage["name"] for stage in record["stages"] if stage["outcome"] == Outcome.RAN]
            made = {stage: lock.stages[stage].outputs for stage in ran}
            yield _Run(str(record["finished"]), tuple(map(str, record["other_versions"])), made)
        except (ValueError, TypeError, KeyError, InputError):
            continue  # its stages are then among those that no run has recorded, which the release says
