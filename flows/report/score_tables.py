"""How well the arms of a workspace do, as tables: scores with intervals, superclasses, subgroups, errors."""

import math
from typing import Any

import pandas as pd

from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.report.texts import number, record_set, with_interval
from flows.workspace import Workspace
from tasks.params.document import Params
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.published import AT_HALF, CALIBRATED, TABLE_5

THRESHOLDED = {
    "f1_macro": "macro-F1",
    "f1_micro": "micro-F1",
    "f1_weighted": "weighted F1",
    "jaccard": "Jaccard",
    "hamming_loss": "Hamming loss",
    "exact_match": "exact match",
}
RANKING = {"auroc_macro": "macro-AUROC", "auprc_macro": "macro-AUPRC"}
CALIBRATION = {"ece": "ECE", "brier": "Brier score"}
SUBGROUP = {"f1_macro": "macro-F1", "auroc_macro": "macro-AUROC", "ece": "ECE"}

PAPERS_FOLD = "fold_10"
"""[CF]'s test set, as outputs name it: the percentages of its Table 5 are shares of 2,198 records."""

Intervals = dict[tuple[str, str, str], tuple[float, float]]
"""(records, block, metric) -> (low, high), of one arm."""


def score_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """Every calibrated arm on each set of held-out records and on each superclass; none before one is calibrated."""
    metrics = arm_metrics(place)
    if not metrics:
        return ()
    params = place.params()
    published = not params.cohort.simulated
    intervals = arm_intervals(place)
    note = interval_note(params) if intervals else ""
    return (
        *_scores(metrics, intervals, note, published=published),
        _by_class(metrics, intervals, note),
    )


def detail_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """Subgroups of the patients and commonest errors, of every calibrated arm on the test records."""
    published = not place.params().cohort.simulated
    return (
        *_subgroups(_arm_tables(place, "subgroups.csv")),
        *_error_patterns(_arm_tables(place, "error_patterns.csv"), published=published),
    )


def arm_metrics(place: Workspace) -> dict[str, Any]:
    """metrics.json of each calibrated arm, by name in alphabetical order."""
    found = {arm: read_json(place, f"calibrate-{arm}", "metrics.json") for arm in sorted(place.params().arms)}
    return {arm: metrics for arm, metrics in found.items() if metrics is not None}


def arm_intervals(place: Workspace) -> dict[str, Intervals]:
    """The intervals of each arm that has some; a metric that is undefined has none."""
    return {
        arm: {
            (records, block, metric): (low, high)
            for records, block, metric, _, low, high in table.itertuples(index=False, name=None)
            if not math.isnan(low)
        }
        for arm, table in _arm_tables(place, "intervals.csv").items()
    }


def interval_note(params: Params) -> str:
    """What the brackets in a table are."""
    bootstrap = params.calibrate.bootstrap
    return (
        f"In brackets: {100 * bootstrap.level:g} % intervals over {bootstrap.resamples} draws of patients, the"
        " training and the thresholds as they are."
    )


def _arm_tables(place: Workspace, name: str) -> dict[str, pd.DataFrame]:
    """A CSV file of each calibrated arm; without those whose outputs are of a version that made no intervals."""
    folders = {arm: place.path / "out" / f"calibrate-{arm}" for arm in sorted(place.params().arms)}
    return {
        arm: pd.read_csv(folder / name, keep_default_na=False, na_values=[""])
        for arm, folder in folders.items()
        if (folder / "intervals.csv").is_file()
    }


def _scores(
    metrics: dict[str, Any], intervals: dict[str, Intervals], note: str, *, published: bool
) -> list[ResultTable]:
    """A table for each set of held-out records, a column for each arm; [CF]'s own test set has its figures, too."""
    names = sorted({records for sets in metrics.values() for records in sets} - {"validation"})
    if len(names) == 2:
        names.remove("test")  # a single fold: the same records once more
    return [
        _scores_on(
            records,
            {arm: sets[records] for arm, sets in metrics.items() if records in sets},
            intervals,
            note,
            beside_paper=published and records == PAPERS_FOLD,
        )
        for records in names
    ]


def _scores_on(
    records: str, blocks: dict[str, Any], intervals: dict[str, Intervals], note: str, *, beside_paper: bool
) -> ResultTable:
    def row(name: str, block: str, key: str, paper: float | None = None) -> tuple[str, ...]:
        own = [
            with_interval(scores[block][key], intervals.get(arm, {}).get((records, block, key)))
            for arm, scores in blocks.items()
        ]
        return (name, *own, *([number(paper)] if beside_paper else []))

    rows = [
        row(f"{name}, {when}", block, key, paper.get(key))
        for block, when, paper in (("at_half", "at 0.5", AT_HALF), ("calibrated", "calibrated", CALIBRATED))
        for key, name in THRESHOLDED.items()
    ]
    rows += [row(name, "ranking", key) for key, name in RANKING.items()]
    rows += [row(name, "calibration", key) for key, name in CALIBRATION.items()]
    count = next(iter(blocks.values()))["records"]
    columns = ("metric", *blocks, *(["[CF]"] if beside_paper else []))
    return ResultTable(
        f"Held-out records, {record_set(records)}: {count}",
        columns,
        tuple(rows),
        f"{note} That of the ECE is moved to where the estimate is." if note else "",
    )


def _by_class(metrics: dict[str, Any], intervals: dict[str, Intervals], note: str) -> ResultTable:
    rows: list[tuple[str, ...]] = []
    for arm, sets in metrics.items():
        test, bounds = sets["test"], intervals.get(arm, {})
        for name in SUPERCLASSES:
            f1, auroc = (
                with_interval(test[block][key][name], bounds.get(("test", block, f"{key}.{name}")))
                for block, key in (("calibrated", "f1_by_class"), ("ranking", "auroc_by_class"))
            )
            precision, recall = (
                number(test["calibrated"][f"{key}_by_class"][name]) for key in ("precision", "recall")
            )
            rows.append((f"{arm}, {name}", f"{test['positives'][name]}", f1, precision, recall, auroc))
    return ResultTable(
        "Test, per superclass at calibrated thresholds",
        ("arm, superclass", "records", "F1", "precision", "recall", "AUROC"),
        tuple(rows),
        note,
    )


def _subgroups(tables: dict[str, pd.DataFrame]) -> list[ResultTable]:
    note = (
        "Intervals are not corrected for the number of groups. ECE by chance: what right probabilities would get on"
        " so many records."
    )
    columns = ("group", "records", *SUBGROUP.values(), "ECE by chance")
    return [
        ResultTable(
            f"Test, {arm} by sex, age and device, at calibrated thresholds",
            columns,
            tuple(
                (
                    f"{row['attribute']}: {row['group']}",
                    f"{row['records']}",
                    *(
                        with_interval(row[key], (row[f"{key}_low"], row[f"{key}_high"]), digits=3)
                        for key in SUBGROUP
                    ),
                    number(row["ece_by_chance"], digits=3),
                )
                for row in table.to_dict("records")
            ),
            note,
        )
        for arm, table in tables.items()
    ]


def _error_patterns(tables: dict[str, pd.DataFrame], *, published: bool) -> list[ResultTable]:
    """Label sets taken for others: on fold 10 at 0.5, as [CF] Table 5 has them, or else on test as users get them."""
    beside_paper = published and any((table["records"] == PAPERS_FOLD).any() for table in tables.values())
    records, cut = (PAPERS_FOLD, "at_half") if beside_paper else ("test", "calibrated")
    percents = {}
    for arm, table in tables.items():
        shown = table[(table["records"] == records) & (table["thresholds"] == cut)]
        percents[arm] = dict(
            zip(zip(shown["true"], shown["predicted"], strict=True), shown["percent"], strict=True)
        )
    if beside_paper:
        percents["[CF]"] = {(true, predicted): percent for true, predicted, percent in TABLE_5}
    highest = {
        pattern: max(column.get(pattern, 0.0) for column in percents.values())
        for column in percents.values()
        for pattern in column
    }
    rows = tuple(
        (
            " -> ".join(pattern),
            *(f"{column[pattern]:.2f}" if pattern in column else "" for column in percents.values()),
        )
        for pattern in sorted(highest, key=lambda pattern: (-highest[pattern], pattern))
    )
    title = (
        f"Errors, {record_set(records)}, {'at 0.5' if cut == 'at_half' else 'calibrated'}: % of all records"
    )
    note = "True label set -> predicted one; empty where a pattern has less than 1 %."
    return [ResultTable(title, ("true -> predicted", *percents), rows, note)] if rows else []
