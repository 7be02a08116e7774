"""What two runs of the same stages have made, compared by hash; and where two versions of a file differ."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from flows.tracking.lock import Lock


@dataclass(frozen=True)
class DifferingOutput:
    """An output of a stage that is not what it was."""

    stage: str
    path: str
    where: str
    """The first field that differs, or that only the bytes are known to."""


def differing_outputs(
    recorded: Lock, found: Lock, stages: Sequence[str], copies: Mapping[str, Path]
) -> list[DifferingOutput]:
    """The outputs that differ, in running order.

    Args:
        recorded: the release's dvc.lock.
        found: that of the rerun.
        stages: which to compare, in running order.
        copies: of some of the recorded outputs, by their paths, so that a field can be named.
    """
    differing = []
    for stage in stages:
        before, after = recorded.stages[stage].outputs, found.stages[stage].outputs
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                where = first_difference(copies.get(path), found.workspace / path)
                differing.append(DifferingOutput(stage, path, where))
    return differing


def first_difference(before: Path | None, after: Path) -> str:
    """Where the second version of a JSON or CSV file first differs from the first one, in words."""
    if not after.is_file():
        return "it was not made again"
    if before is None:
        return "its bytes; the release has no copy of it"
    try:
        if before.suffix == ".json":
            old, new = (json.loads(file.read_text(encoding="utf-8")) for file in (before, after))
            return next(_of_json(old, new, ""))
        if before.suffix == ".csv":
            return _of_table(before, after)
    except (ValueError, csv.Error):
        return "its bytes; one of the two is damaged"
    return "its bytes"


def _of_json(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _of_json(before.get(key), after.get(key), f"{place}.{key}".removeprefix("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _of_json(*pair, f"{place}[{index}]")
    elif before != after:
        yield f"{place or 'all of it'} is {_short(after)}, and was {_short(before)}"
    if not place:
        yield "its spelling"


def _of_table(before: Path, after: Path) -> str:
    first, second = (_rows(file) for file in (before, after))
    if len(first) != len(second):
        return f"it has {max(len(second) - 1, 0)} rows, and had {max(len(first) - 1, 0)}"
    for number, rows in enumerate(zip(first, second, strict=True)):
        for column, (old, new) in enumerate(zip_longest(*rows)):  # None where a row is too short
            if old != new:
                name = first[0][column] if column < len(first[0]) else f"column {column + 1}"
                return f"row {number}, {name}, is {_short(new)}, and was {_short(old)}"
    return "its spelling"


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
