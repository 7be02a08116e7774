"""The tables of a workspace's report besides its scores: data card, trainings, parameters, unused records."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from flows.report.headline import folds
from flows.report.result_table import ResultTable
from flows.report.score_tables import number
from flows.tracking.content import flatten
from flows.workspace import Workspace
from tasks.params.document import Params
from tasks.params.split import SplitParams
from veribeat.conventions import SUPERCLASSES

MOST_COMBINATIONS = 10
MOST_LISTED = 50
"""Rows of a long list that the page shows."""


def summary(place: Workspace, params: Params) -> tuple[str, ...]:
    """What was trained on what, in a few sentences."""
    sentences = []
    if card := _json(place, "ingest", "card.json"):
        sentences.append(
            f"The cohort holds {card['records']:,} usable records of {card['patients']:,} patients;"
            f" {card['quarantine']['records']:,} more were quarantined."
        )
    split = params.split
    sentences.append(
        f"Training on {folds(split.train)}, validation (early stopping and thresholds) on {folds(split.validation)},"
        f" test on {folds(split.test)}."
    )
    arms = [f"{name} ({arm.backbone}, preset {arm.preset})" for name, arm in sorted(params.arms.items())]
    sentences.append(f"{'Arms' if len(arms) > 1 else 'Arm'}: {', '.join(arms)}.")
    return tuple(sentences)


def card_tables(place: Workspace, params: Params) -> tuple[ResultTable, ...]:
    """What card.json says: folds, patients, devices, combinations of labels, quarantine; nothing before `ingest`."""
    card = _json(place, "ingest", "card.json")
    if card is None:
        return ()
    tables = [
        _fold_table(card, params.split),
        _patient_table(card),
        ResultTable("Devices", ("device", "records", "%"), _with_shares(card["devices"], card["records"])),
    ]
    if params.cohort.simulated:  # of PTB-XL, the table beside [CF]'s has them
        tables.append(_combination_table(card))
    if card["quarantine"]["reasons"]:
        reasons = card["quarantine"]["reasons"].items()
        rows = tuple((reason, f"{count}") for reason, count in reasons)
        tables.append(ResultTable("Quarantined records", ("reason", "records"), rows))
    return tuple(tables)


def training_table(place: Workspace, params: Params) -> ResultTable | None:
    """How each trained arm's training went; None before the first is trained."""
    rows = []
    for arm in sorted(params.arms):
        if training := _json(place, f"train-{arm}", "training.json"):
            counts = ("parameters", "train_records", "validation_records", "epochs", "best_epoch")
            loss = number(training["validation_loss"])
            rows.append((arm, params.arms[arm].backbone, *(f"{training[key]}" for key in counts), loss))
    if not rows:
        return None
    columns = ("arm", "backbone", "weights", "training records", "validation records", "epochs")
    kept = ("kept epoch", "its validation loss")
    return ResultTable("Trainings", (*columns, *kept), tuple(rows), "Epochs count from 0.")


def parameter_tables(params: Params) -> tuple[ResultTable, ...]:
    """params.yaml: the arms with the presets that they name, the roles of the folds, and the rest key by key."""
    recipes = {
        name: {**arm.model_dump(), **params.presets[arm.preset].model_dump()}
        for name, arm in sorted(params.arms.items())
    }
    keys = dict.fromkeys(key for recipe in recipes.values() for key in recipe)
    elsewhere = {"arms", "presets", "split"}
    if params.cohort.source != "simulated":
        elsewhere.add("simulate")  # says nothing about this cohort
    rest = flatten(params.model_dump(exclude=elsewhere))
    return (
        ResultTable(
            "Arms and their presets",
            ("parameter", *recipes),
            tuple((key, *(_value(recipe[key]) for recipe in recipes.values())) for key in keys),
        ),
        ResultTable(
            "Roles of the folds",
            ("split", "value"),
            tuple((key, _value(value)) for key, value in params.split.model_dump().items()),
        ),
        ResultTable(
            "The other parameters",
            ("parameter", "value"),
            tuple((key.replace("/", "."), _value(value)) for key, value in rest.items()),
        ),
    )


def unused_records(place: Workspace) -> tuple[ResultTable, ...]:
    """The records that `ingest` refused and those without a role, each list cut off where it gets long."""
    tables = []
    for stage, name, title in (
        ("ingest", "quarantine.csv", "Quarantined"),
        ("split", "unused.csv", "Without a role"),
    ):
        file = place.path / "out" / stage / name
        if file.is_file():
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
            note = (
                f"The first {MOST_LISTED}; all are in out/{stage}/{name}." if len(table) > MOST_LISTED else ""
            )
            rows = tuple(table.head(MOST_LISTED).itertuples(index=False, name=None))
            tables.append(ResultTable(f"{title}: {len(table)} records", tuple(table.columns), rows, note))
    return tuple(tables)


def _fold_table(card: Mapping[str, Any], split: SplitParams) -> ResultTable:
    classes = (*SUPERCLASSES, "none")
    rows = []
    for fold, part in sorted(card["folds"].items(), key=lambda item: int(item[0])):
        roles = [
            role for role, its in split.model_dump(exclude={"drop_unlabelled"}).items() if int(fold) in its
        ]
        counts = (part["records"], part["patients"], *(part["classes"][name] for name in classes))
        rows.append((fold, ", ".join(roles) or "none", *map(str, counts)))
    totals = (card["records"], card["patients"], *(card["classes"][name] for name in classes))
    rows.append(("all", "", *map(str, totals)))
    return ResultTable("Folds", ("fold", "roles", "records", "patients", *classes), tuple(rows))


def _patient_table(card: Mapping[str, Any]) -> ResultTable:
    age = card["age"]
    quartiles = [age[key] for key in ("median", "lower_quartile", "upper_quartile")]
    median, lower, upper = ("unknown" if value is None else f"{value:g}" for value in quartiles)
    rows = [
        ("patients", f"{card['patients']}"),
        ("records", f"{card['records']}"),
        *((f"{sex}", f"{count}") for sex, count in card["sex"].items()),
        ("median age, years", median),
        ("quartiles of age, years", f"{lower}-{upper}"),
        ("over 89 years", f"{age['over_89']}"),
        ("age unknown", f"{age['unknown']}"),
    ]
    return ResultTable(
        "Patients", ("what", "value"), tuple(rows), "Counts are of records, but for the first."
    )


def _combination_table(card: Mapping[str, Any]) -> ResultTable:
    rows = tuple(
        (", ".join(row["labels"]), f"{row['at_least']}", f"{row['percent']:.2f}", f"{row['exactly']}")
        for row in card["label_combinations"][:MOST_COMBINATIONS]
    )
    columns = ("labels", "with at least these", "%", "with exactly these")
    return ResultTable("Combinations of labels", columns, rows, f"The {MOST_COMBINATIONS} commonest at most.")


def _with_shares(counts: Mapping[str, int], total: int) -> tuple[tuple[str, ...], ...]:
    return tuple((name, f"{count}", f"{100 * count / total:.2f}") for name, count in counts.items())


def _value(value: object) -> str:
    """As params.yaml writes it, but for lists without brackets."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(place: Workspace, stage: str, name: str) -> dict[str, Any] | None:
    """A file of a stage's outputs; None before the stage has run."""
    file = place.path / "out" / stage / name
    if not file.is_file():
        return None
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
