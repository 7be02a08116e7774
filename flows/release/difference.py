"""What differs between two releases: records, parameters, code, packages, scores, exclusions and acceptance."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.release.manifest import is_complete
from flows.release.reading import RECORDS, SELECTION_LOG, ReleaseFiles, leaves
from flows.release.record_digests import COMPARED as OF_RECORD
from flows.tracking.lock import read_lock
from tasks.file_names import LEARNT
from veribeat.errors import InputError

ENVIRONMENT = "environment.txt"

CODE_PREFIX = "code/"
"""Of paths in dvc.lock, where the workspace is not the checkout itself."""


@dataclass(frozen=True)
class Change:
    """A named thing that differs; None where a release does not have it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Records:
    """Records learnt from, by ecg_id.

    `changed` have other samples, superclasses or another fold by records.csv; None where a release has no such file.
    """

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changed: tuple[int, ...] | None


@dataclass(frozen=True)
class Score:
    """A metric of both releases on a set of records; None where one does not have it, or it is undefined."""

    records: str
    metric: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """After minus before."""
        return None if self.before is None or self.after is None else round(self.after - self.before, 6)


@dataclass(frozen=True)
class Exclusions:
    """Training records that the selection excluded, by ecg_id."""

    newly: tuple[int, ...]
    no_longer: tuple[int, ...]
    """Excluded before, trained on now."""
    gone: tuple[int, ...]
    """Excluded before, and not among the training records now."""


@dataclass(frozen=True)
class Difference:
    """What differs from release `before` to release `after`; empty where nothing does.

    `packages` is None where a release does not list its packages, `acceptance` where one was held against no limits.
    """

    before: str
    after: str
    records: Records
    batches_added: tuple[str, ...]
    batches_removed: tuple[str, ...]
    parameters: tuple[Change, ...]
    commit: Change
    modules: tuple[Change, ...]
    packages: tuple[Change, ...] | None
    test_records: tuple[Change, ...]
    """In what the test records are not the same; where there is anything, scores are not of the same records."""
    scores: tuple[Score, ...]
    exclusions: Exclusions
    acceptance: tuple[Change, ...] | None
    """Limits of which what was measured, the bound or the verdict differs."""


def compare_releases(a: Path, b: Path) -> Difference:
    """What differs from the release in the folder `a` to that in `b`.

    Raises InputError when a folder is not a release, lacks a file of its manifest, or holds a damaged one.
    """
    for folder in (a, b):
        if not is_complete(folder):
            raise InputError(
                f"{folder} is no whole release: it has no manifest.json, or not every file that is in it."
            )
    before, after = ReleaseFiles(a), ReleaseFiles(b)
    batches = [files.value("params.yaml", "cohort", "batches") for files in (before, after)]
    return Difference(
        before=a.resolve().name,
        after=b.resolve().name,
        records=_records(before, after),
        batches_added=tuple(name for name in batches[1] if name not in batches[0]),
        batches_removed=tuple(name for name in batches[0] if name not in batches[1]),
        parameters=_changes(_parameters(before), _parameters(after)),
        commit=Change("commit", _commit(before), _commit(after)),
        modules=_changes(_modules(a), _modules(b)),
        packages=_changes(_packages(before), _packages(after))
        if before.has(ENVIRONMENT) and after.has(ENVIRONMENT)
        else None,
        test_records=_changes(_test_records(before), _test_records(after)),
        scores=_scores(before, after),
        exclusions=_exclusions(before, after),
        acceptance=_changes(_acceptance(before), _acceptance(after))
        if before.has("acceptance.csv") and after.has("acceptance.csv")
        else None,
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What has another value, in the order of names."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name] != after[name]
    )


def _ids(files: ReleaseFiles, name: str) -> set[int]:
    files.check_columns(name, "ecg_id")
    return set(map(int, files.table(name)["ecg_id"]))


def _records(before: ReleaseFiles, after: ReleaseFiles) -> Records:
    known, now = _ids(before, LEARNT), _ids(after, LEARNT)
    changed = None
    if before.has(RECORDS) and after.has(RECORDS):
        of_before, of_after = _rows(before), _rows(after)
        both = sorted(of_before.keys() & of_after.keys())
        changed = tuple(number for number in both if of_before[number] != of_after[number])
    return Records(tuple(sorted(now - known)), tuple(sorted(known - now)), changed)


def _rows(files: ReleaseFiles) -> dict[int, dict[str, str]]:
    """What records.csv says of a record itself, by ecg_id; its roles may change with the training."""
    files.check_columns(RECORDS, "ecg_id", *OF_RECORD)
    rows = files.table(RECORDS).to_dict("records")
    return {int(row["ecg_id"]): {name: str(row[name]) for name in OF_RECORD} for row in rows}


def _parameters(files: ReleaseFiles) -> dict[str, Any]:
    """Dotted key -> value, but for the batches, which are told apart one by one; None is left for absent keys."""
    flat = _flat(files.value("params.yaml"))
    return {key: "null" if value is None else value for key, value in flat.items() if key != "cohort.batches"}


def _flat(value: Any) -> dict[str, Any]:
    return {".".join(keys): leaf for keys, leaf in leaves(value)}


def _commit(files: ReleaseFiles) -> str | None:
    """Such as "0123abc, with changes that are not committed"; None where it is not known."""
    if not files.has("provenance.json"):
        return None
    code = files.value("provenance.json", "code")
    if code["commit"] is None:
        return None
    return f"{code['commit']}, with changes that are not committed" if code["dirty"] else str(code["commit"])


def _modules(folder: Path) -> dict[str, str]:
    """Module or pinned versions -> md5, of all stages in dvc.lock."""
    return {
        path.removeprefix(CODE_PREFIX): md5
        for stage in read_lock(folder).stages.values()
        for path, md5 in stage.inputs.items()
        if path.endswith(".py") or path.removeprefix(CODE_PREFIX) == "constraints.txt"
    }


def _packages(files: ReleaseFiles) -> dict[str, str]:
    """Package -> version, or whatever else stands for it."""
    found = {}
    for line in files.text(ENVIRONMENT).splitlines():
        if line.strip() and not line.startswith("#"):
            name, equals, version = line.strip().partition("==")
            if not equals:
                name, _, version = line.strip().partition(" @ ")
            found[name] = version
    return found


def _test_records(files: ReleaseFiles) -> dict[str, Any]:
    """What a release says of its test records: it does not list them one by one."""
    folds = files.value("params.yaml", "split", "test")
    of_folds = files.value("card.json", "folds")
    return {
        "test folds": folds,
        "test records": files.value("metrics.json", "test", "records"),
        **{
            f"fold {fold}, {name}": value
            for fold in map(str, folds)
            if fold in of_folds
            for name, value in _flat(of_folds[fold]).items()
        },
    }


def _scores(before: ReleaseFiles, after: ReleaseFiles) -> tuple[Score, ...]:
    """Every metric on every set of records, the same ones included."""
    found: list[dict[tuple[str, str], float | None]] = []
    for files in (before, after):
        metrics = files.value("metrics.json")
        found.append(
            {
                (records, name): value
                for records, blocks in metrics.items()
                for name, value in _flat(blocks).items()
                if name.partition(".")[0] not in ("positives", "records")
            }
        )
    keys = sorted(found[0].keys() | found[1].keys(), key=lambda key: (key[0] != "test", key))
    return tuple(
        Score(records, name, found[0].get((records, name)), found[1].get((records, name)))
        for records, name in keys
    )


def _exclusions(before: ReleaseFiles, after: ReleaseFiles) -> Exclusions:
    was, now = (set(map(int, files.excluded()["ecg_id"])) for files in (before, after))
    trained = _ids(after, SELECTION_LOG)
    return Exclusions(
        tuple(sorted(now - was)),
        tuple(sorted((was - now) & trained)),
        tuple(sorted(was - trained)),
    )


def _acceptance(files: ReleaseFiles) -> dict[str, dict[str, str]]:
    """Limit and what it is on -> what was measured, the bound, and whether it is kept."""
    return {
        f"{row['limit']}, {row['scope']}": {
            key: str(row[key]) for key in ("challenger", "low", "bound", "kept")
        }
        for row in files.table("acceptance.csv").to_dict("records")
    }
