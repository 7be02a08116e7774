"""The scores that a reader sees first: calibrated macro-F1 and macro-AUROC of each arm, beside what is published."""

from typing import Any

from flows.report.result_table import ResultTable
from flows.report.score_tables import PAPERS_FOLD, arm_intervals, arm_metrics, interval_note
from flows.report.texts import folds, number, with_interval
from flows.workspace import Workspace
from tasks.params.document import Params
from veribeat.metrics.published import (
    BENCHMARK_AUROC,
    BENCHMARK_FOLDS,
    BENCHMARK_MODEL,
    CALIBRATED,
)
from veribeat.plots.scores import Score

F1, AUROC = "macro-F1, calibrated", "macro-AUROC"

HEADLINES = {F1: ("calibrated", "f1_macro"), AUROC: ("ranking", "auroc_macro")}
"""Name -> block and key of metrics.json."""


def headline_scores(place: Workspace) -> dict[str, dict[str, Any]]:
    """Per calibrated arm: of which records, and its headline scores by the names of metrics.json."""
    scores = {}
    for arm, sets in arm_metrics(place).items():
        records = PAPERS_FOLD if PAPERS_FOLD in sets else "test"
        values = {key: sets[records][block][key] for block, key in HEADLINES.values()}
        scores[arm] = {"records": records, **values}
    return scores


def headline_table(place: Workspace, params: Params) -> ResultTable | None:
    """Each calibrated arm on fold 10 and on all test records, beside what is published of PTB-XL's fold 10.

    None before the first arm is calibrated.
    """
    metrics, intervals = arm_metrics(place), arm_intervals(place)
    rows: list[tuple[str, ...]] = []
    for records, name in _sets(params):
        for arm, sets in metrics.items():
            if records in sets:
                bounds = intervals.get(arm, {})
                cells = (
                    with_interval(sets[records][block][key], bounds.get((records, block, key)))
                    for block, key in HEADLINES.values()
                )
                rows.append((f"{arm}, {name}", *cells))
        if records == PAPERS_FOLD and rows:
            rows += _published_rows(params)
    if not rows:
        return None
    note = "Macro: the mean over the five superclasses."
    if intervals:
        note += f" {interval_note(params)}"
    if _as_benchmark(params):
        note += f" Benchmark: {BENCHMARK_MODEL} of Strodthoff et al. 2021, without records that have no superclass."
    return ResultTable("Headline scores", ("arm, records", *HEADLINES), tuple(rows), note)


def headline_points(
    place: Workspace, params: Params
) -> tuple[str, dict[str, dict[str, Score]], dict[str, list[tuple[str, float]]]]:
    """What `veribeat.plots.scores.score_intervals` draws: name of the records, headline -> arm -> score, references."""
    metrics, intervals = arm_metrics(place), arm_intervals(place)
    records, name = _sets(params)[0]
    arms = [arm for arm in metrics if records in metrics[arm]]
    points = {
        headline: {
            arm: Score(metrics[arm][records][block][key], intervals.get(arm, {}).get((records, block, key)))
            for arm in arms
        }
        for headline, (block, key) in HEADLINES.items()
    }
    published: dict[str, list[tuple[str, float]]] = {}
    if records == PAPERS_FOLD and not params.cohort.simulated:
        published[F1] = [("[CF]", CALIBRATED["f1_macro"])]
    if _as_benchmark(params):
        published[AUROC] = [("benchmark", BENCHMARK_AUROC)]
    return name, points, published


def _sets(params: Params) -> list[tuple[str, str]]:
    """Sets of records in metrics.json and what to call them, the one that others publish scores of first."""
    test = params.split.test
    sets = [(PAPERS_FOLD, "fold 10")] if 10 in test else []
    return sets if test == [10] else [*sets, ("test", f"test ({folds(test)})")]


def _as_benchmark(params: Params) -> bool:
    """Whether the arms are trained, validated and tested on the same folds of PTB-XL as the published benchmark."""
    roles = params.split.model_dump()
    same = all(set(roles[role]) == set(its) for role, its in BENCHMARK_FOLDS.items())
    return same and not params.cohort.simulated


def _published_rows(params: Params) -> list[tuple[str, ...]]:
    if params.cohort.simulated:
        return []
    rows: list[tuple[str, ...]] = [("[CF], fold 10", number(CALIBRATED["f1_macro"]), "")]
    if _as_benchmark(params):
        rows.append(("benchmark, fold 10", "", f"{BENCHMARK_AUROC:.3f}"))
    return rows
