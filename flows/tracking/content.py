"""What there is to log: read from the stages' files and dvc.lock, in plain types."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.tracking.files import EXPLANATIONS, files_to_log
from flows.tracking.lock import LOCK_FILE, Lock
from tasks.stage_description import Stage
from veribeat.errors import InputError

SUMMARY_METRICS = {
    "f1_macro": "test/calibrated/f1_macro",
    "f1_micro": "test/calibrated/f1_micro",
    "jaccard": "test/calibrated/jaccard",
    "hamming_loss": "test/calibrated/hamming_loss",
    "auroc_macro": "test/ranking/auroc_macro",
    "validation_auroc_macro": "validation/ranking/auroc_macro",
    "ece": "test/calibration/ece",
}
"""The metrics that sum an arm up, by the short name under which the parent of its run shows them."""


@dataclass(frozen=True)
class CohortVersion:
    """The cohort that an arm learnt from; `digest` stands for signals.npy and records.parquet together."""

    name: str
    digest: str
    folder: Path
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class ArmContent:
    """One arm's run: `key` names its outputs, `training` those of its train stage alone.

    `complete` says whether every stage of the arm is in it: calibrated, and explained if it is the arm to explain.
    """

    arm: str
    key: str
    training: str
    complete: bool
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Sequence[tuple[int, Mapping[str, float]]]  # (epoch, values)
    files: Mapping[Path, str]  # file -> folder in the run
    dataset: CohortVersion
    model: tuple[Path, Path] | None  # model.pt and classifier.json


@dataclass(frozen=True)
class RunContent:
    """A whole run: what its arms share."""

    lock_sha256: str
    lock_file: Path
    cohort: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Mapping[Path, str]
    arms: Sequence[ArmContent]


def read_run(lock: Lock, stages: Sequence[Stage], arms: Iterable[str], cohort: str) -> RunContent:
    """Everything to log of the stages that are up to date with each other; arms that are not have no content.

    `stages` come in running order; `cohort` names the kind of cohort.

    Raises:
        InputError: no stage has run, or a file is missing or is not what dvc.lock records.
    """
    done = _consistent(lock, stages)
    if not done:
        raise InputError(f"{lock.workspace} has no results to log: run the pipeline first.")
    metrics: dict[str, float] = {}
    if "ingest" in done:
        card = _json(lock, done["ingest"], "card.json")
        metrics = {"records": card["records"], "quarantined": card["quarantine"]["records"]}
    params: dict[str, str] = {"cohort": cohort}
    for name in ("simulate", "ingest", "split"):
        if name in done:
            params |= _flat_params(name, lock.stages[name].section(name))
    contents = [_read_arm(lock, stages, done, arm, cohort) for arm in sorted(arms) if f"train-{arm}" in done]
    return RunContent(
        lock.sha256,
        lock.workspace / LOCK_FILE,
        cohort,
        params,
        metrics,
        files_to_log(lock, _shared(done)),
        contents,
    )


def _consistent(lock: Lock, stages: Sequence[Stage]) -> dict[str, Stage]:
    """The stages that dvc.lock records whole, and whose inputs there are what it records of the stages before.

    After a run that ended early, dvc.lock still names the later outputs of an earlier run: they belong to other
    data or to another model.
    """
    of_stages = {path for stage in stages for path in stage.outputs}
    done: dict[str, Stage] = {}
    written: dict[str, str] = {}
    for stage in stages:
        locked = lock.stages.get(stage.name)
        if locked is None or not locked.outputs.keys() >= set(stage.outputs):
            continue
        if locked.inputs.keys() >= set(stage.inputs) and all(
            written.get(path) == md5 for path, md5 in locked.inputs.items() if path in of_stages
        ):
            done[stage.name] = stage
            written |= locked.outputs
    return done


def _shared(done: Mapping[str, Stage]) -> list[Stage]:
    return [done[name] for name in ("ingest", "split", "delineate") if name in done]


def flatten(block: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested blocks as one, keys joined by "/": {"test": {"f1": 0.7}} becomes {"test/f1": 0.7}."""
    flat: dict[str, Any] = {}
    for key, value in block.items():
        path = f"{prefix}/{key}" if prefix else str(key)
        flat |= flatten(value, path) if isinstance(value, Mapping) else {path: value}
    return flat


def numbers(block: Mapping[str, Any], source: Path, prefix: str = "") -> dict[str, float]:
    """The numbers of a metrics file, flattened; null means undefined and is left out.

    Raises InputError for anything else, which MLflow could not show as a metric.
    """
    found = {}
    for key, value in flatten(block, prefix).items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{source}: '{key}' is {value!r}, but a metric is a number or null.")
        found[key] = float(value)
    return found


def _read_arm(
    lock: Lock, stages: Iterable[Stage], done: Mapping[str, Stage], arm: str, cohort: str
) -> ArmContent:
    names = (f"train-{arm}", f"calibrate-{arm}", *EXPLANATIONS)
    all_own = [stage for stage in stages if stage.name in names and stage.arguments[:1] == (arm,)]
    own = [stage for stage in all_own if stage.name in done]
    train, calibrate = done[f"train-{arm}"], done.get(f"calibrate-{arm}")
    locked = lock.stages[train.name]
    metrics = _numbers_of(lock, train, "training.json", "training")
    params = {
        **_flat_params("arm", {"name": arm, **locked.section("arms")}),
        **_flat_params("preset", locked.section("presets")),
        **_flat_params("selection", locked.section("selections")),
    }
    model = None
    if calibrate:
        metrics |= _numbers_of(lock, calibrate, "metrics.json")
        metrics |= _summary_bounds(lock.verified(calibrate.output("intervals.csv")))
        for name in ("compute", "calibrate"):
            params |= _flat_params(name, lock.stages[calibrate.name].section(name))
        model = (lock.verified(train.output("model.pt")), lock.verified(calibrate.output("classifier.json")))
    for stage in own:
        if stage.name in EXPLANATIONS:
            params |= _flat_params(stage.name, lock.stages[stage.name].section(stage.name))
            params |= _witness(lock, stage)
            for file in stage.metrics:
                metrics |= _numbers_of(lock, stage, file, stage.name)
    return ArmContent(
        arm=arm,
        key=_outputs_key(lock, own),
        training=_outputs_key(lock, [train]),
        complete=own == all_own,
        tags={"arm": arm, "seed": params.get("arm/seed", ""), "cohort": cohort},
        params=params,
        metrics=metrics,
        curves=_curves(*(lock.verified(train.output(name)) for name in ("history.csv", "selection.csv"))),
        files=files_to_log(lock, [*own, *_shared(done)]),
        dataset=_cohort_version(lock, done["ingest"], cohort),
        model=model,
    )


def _witness(lock: Lock, stage: Stage) -> dict[str, str]:
    """The arm that was asked what it sees in each counterfactual, and the MD5 of its weights; of other stages none."""
    _, *witness = stage.arguments
    if stage.name != "counterfactuals" or not witness:
        return {}
    weights = lock.stages[stage.name].inputs[f"out/train-{witness[0]}/model.pt"]
    return {"explain/witness": witness[0], "explain/witness_model_md5": weights}


def _cohort_version(lock: Lock, ingest: Stage, cohort: str) -> CohortVersion:
    hashes = lock.stages[ingest.name].outputs
    both = "".join(hashes[ingest.output(file)] for file in ("signals.npy", "records.parquet"))
    card = _json(lock, ingest, "card.json")
    profile = {key: card[key] for key in ("records", "patients", "classes")}
    profile["quarantined"] = card["quarantine"]["records"]
    digest = hashlib.md5(both.encode(), usedforsecurity=False).hexdigest()
    return CohortVersion(cohort, digest, lock.workspace / str(ingest.folder), profile)


def _outputs_key(lock: Lock, stages: Iterable[Stage]) -> str:
    """A hash over paths and md5s of everything that `stages` wrote."""
    lines = [
        f"{path} {md5}" for stage in stages for path, md5 in sorted(lock.stages[stage.name].outputs.items())
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


SELECTION_CURVES = ("candidates", "kept", "dropped", "rescued", "effective_epochs", "forward_equivalents")
"""Columns of selection.csv that are shown over the epochs."""


def _curves(history: Path, selection: Path) -> list[tuple[int, dict[str, float]]]:
    """Per epoch the columns of history.csv, and what was selected and had been spent by then."""
    with (
        history.open(encoding="utf-8", newline="") as file,
        selection.open(encoding="utf-8", newline="") as more,
    ):
        return [
            (
                int(row["epoch"]),
                {name: float(value) for name, value in row.items() if name != "epoch"}
                | {name: float(selected[name]) for name in SELECTION_CURVES},
            )
            for row, selected in zip(csv.DictReader(file), csv.DictReader(more), strict=True)
        ]


def _summary_bounds(intervals: Path) -> dict[str, float]:
    """Bounds of the SUMMARY_METRICS alone, such as test/calibrated/f1_macro_low: the file itself holds all of them."""
    bounds: dict[str, float] = {}
    with intervals.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            metric = f"{row['records']}/{row['block']}/{row['metric']}"
            if metric in SUMMARY_METRICS.values():
                bounds |= {f"{metric}_{end}": float(row[end]) for end in ("low", "high") if row[end]}
    return bounds


def _json(lock: Lock, stage: Stage, file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lock.verified(stage.output(file)).read_text(encoding="utf-8"))
    return content


def _numbers_of(lock: Lock, stage: Stage, file: str, prefix: str = "") -> dict[str, float]:
    return numbers(_json(lock, stage, file), Path(stage.output(file)), prefix)


def _flat_params(prefix: str, block: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in flatten(block, prefix).items()}
