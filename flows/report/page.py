"""report.html: what a workspace has trained on what, how well, and in which runs, as one page without links outside."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.folders import write_whole
from flows.report.cohort_tables import card_tables, cohort_tables, unused_records
from flows.report.explanations import Part, explanation_parts
from flows.report.figures import (
    Picture,
    cohort_pictures,
    evaluation_pictures,
    headline_pictures,
    training_pictures,
)
from flows.report.headline import headline_table
from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.report.run_list import past_runs
from flows.report.score_tables import detail_tables, score_tables
from flows.report.texts import folds, listed
from flows.report.training_tables import parameter_tables, training_table
from flows.status import UP_TO_DATE
from flows.tracking.files import EXPLANATIONS
from flows.workspace import Workspace
from tasks.params.document import Params
from tasks.stage_description import Stage

REPORT_FILE = "report.html"

TEMPLATES = Path(__file__).parent / "templates"

MOST_RUNS = 100
"""Rows of the list of runs."""

_NUMERIC = re.compile(r"[-+±(]?\d[\d.,:%()\s–-]*")
"""A number, and what stands around numbers in a range, an interval, a time or brackets."""


@dataclass(frozen=True)
class Content:
    """All that a report shows of a workspace's outputs and parameters; empty where a stage has not run."""

    name: str
    simulated: bool
    summary: tuple[str, ...]
    headline: ResultTable | None
    headline_pictures: tuple[Picture, ...]
    cohort: tuple[ResultTable, ...]
    cohort_pictures: tuple[Picture, ...]
    training: ResultTable | None
    training_pictures: tuple[Picture, ...]
    scores: tuple[ResultTable, ...]
    pictures: tuple[Picture, ...]
    explained: str | None  # the arm whose predictions are explained
    explanations: tuple[Part, ...]
    parameters: tuple[ResultTable, ...]
    unused: tuple[ResultTable, ...]
    not_run: Mapping[str, str]  # kind of stage (`_kind`) -> a sentence about those without outputs, or ""


def read_content(place: Workspace) -> Content:
    """Read a workspace's outputs and draw their figures."""
    params = place.params()
    return Content(
        name=place.path.name,
        simulated=params.cohort.simulated,
        summary=_summary(place, params),
        headline=headline_table(place, params),
        headline_pictures=headline_pictures(place, params),
        cohort=(*cohort_tables(place), *card_tables(place, params)),
        cohort_pictures=cohort_pictures(place, params),
        training=training_table(place, params),
        training_pictures=training_pictures(place, params),
        scores=(*score_tables(place), *detail_tables(place)),
        pictures=evaluation_pictures(place, params),
        explained=params.explain.arm,
        explanations=explanation_parts(place, params),
        parameters=parameter_tables(params),
        unused=unused_records(place),
        not_run=_not_run(place),
    )


def write_report(place: Workspace, content: Content, stale: tuple[str, ...] = ()) -> Path:
    """Write report.html into a workspace and return its path; the page says that the stages `stale` are."""
    runs = past_runs(place.path)
    page = render(
        "report.html", content=content, stale=stale, runs=runs[:MOST_RUNS], cut_off=len(runs) > MOST_RUNS
    )
    file = place.path / REPORT_FILE
    write_whole(file, page)
    return file


def stale_stages(place: Workspace, states: Mapping[str, str]) -> tuple[str, ...]:
    """Stages with outputs that are not up to date, or that were made from such, in running order.

    `states` says what is up to date (`flows.status.stage_states`). DVC calls a stage up to date whose input is about
    to change, because it compares with the input as it is.
    """
    changed: set[str] = set()
    stale = []
    for stage in place.stages():
        if states[stage.name] != UP_TO_DATE or changed & set(stage.inputs):
            changed |= set(stage.outputs)
            if any((place.path / output).exists() for output in stage.outputs):
                stale.append(stage.name)
    return tuple(stale)


def render(template: str, **values: object) -> str:
    """A page of the templates beside this module."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"listed": listed, "numeric": numeric_columns}
    return environment.get_template(template).render(**values)


def numeric_columns(table: ResultTable) -> tuple[bool, ...]:
    """For each column whether all of its cells are numbers, intervals or empty, so that it is set flush right."""
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    return tuple(
        any(cells) and all(not cell or _NUMERIC.fullmatch(cell) for cell in cells) for cells in columns
    )


def _summary(place: Workspace, params: Params) -> tuple[str, ...]:
    """What was trained on what, in a few sentences."""
    sentences = []
    if card := read_json(place, "ingest", "card.json"):
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


def _not_run(place: Workspace) -> dict[str, str]:
    missing: dict[str, list[str]] = {}
    for stage in place.stages():
        names = missing.setdefault(_kind(stage), [])
        if not any((place.path / output).exists() for output in stage.outputs):
            names.append(stage.name)
    return {
        kind: f"No results of {listed(names)} yet: 'veribeat run' makes them." if names else ""
        for kind, names in missing.items()
    }


def _kind(stage: Stage) -> str:
    """Such as "train" for "train-baseline"; all stages that explain an arm are of one."""
    return "explain" if stage.name in EXPLANATIONS else stage.name.partition("-")[0]
