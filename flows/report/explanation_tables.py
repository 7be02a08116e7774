"""What the explanation chain found, as tables: attributions, rules, prototypes, and counterfactuals beside [CF]'s."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.report.texts import number
from flows.workspace import Workspace
from tasks.params.document import Params
from veribeat.prototypes.published import CANDIDATES, CLUSTERS, SILHOUETTES

SUMMARY_METRICS = {
    "validity": "validity",
    "share_changed": "share changed",
    "mean_abs_mv": "mean |d|, mV",
    "rms_mv": "RMS of d, mV",
    "noise_stability": "noise stability",
    "temporal_stability": "temporal stability (eq. 21)",
    "shift_kept": "shifts that keep the prediction",
    "predicted_margin": "margin of what is predicted (eq. 23)",
    "target_margin": "margin of the target",
    "quality": "quality Q",
    "joint_jump_mv": "largest jump at a joint, mV",
    "limb_lead_residual_mv": "limb leads disagree by, mV",
    "nearest_real_mv": "DTW to the nearest real record, mV",
}
"""Of [CF] Table 3 and of ours, with their names on pages."""

CELL_METRICS = {
    "validity": "validity",
    "l0_share": "L0",
    "noise_stability": "noise stability",
    "predicted_margin": "margin",
}
"""Of [CF] Tables 4 and 7-13."""

METHODS = {"original": "original", "sparse": "sparse", "aligned_sparse": "aligned sparse"}

DIGITS = 3

SUSPECT = (
    "In brackets: [CF]. Treat its cells of single classes as suspect and compare aggregates first: it prints per-class"
    " figures under names in another order."
)


def explanation_tables(place: Workspace, params: Params) -> tuple[ResultTable, ...]:
    """All tables of the stages of the chain that have run, [CF]'s figures beside ours on real records."""
    beside_paper = not params.cohort.simulated
    return (*_chain(place), *_prototypes(place, beside_paper=beside_paper), *_counterfactuals(place))


def summary_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """The tables that fit a terminal: the summary of all methods and validity by target."""
    folder = place.path / "out" / "report"
    if not (folder / "table_3.csv").is_file():
        return ()
    return _summary(_read(folder, "table_3.csv"))


def discussion_sentences(place: Workspace) -> tuple[str, ...]:
    """What the stage `report` says of the numbers; nothing before it has run."""
    file = place.path / "out" / "report" / "discussion.md"
    if not file.is_file():
        return ()
    return tuple(line.removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines() if line)


def _chain(place: Workspace) -> Iterable[ResultTable]:
    rows = []
    if found := read_json(place, "attribute", "attribute.json"):
        rows += [
            ("records attributed", f"{found['records']:,}"),
            ("attributions, one per record and predicted class", f"{found['rows']:,}"),
            (
                "their Monte-Carlo error relative to their size, median",
                number(found["median_monte_carlo_error"], DIGITS),
            ),
        ]
    if found := read_json(place, "rules", "rules.json"):
        rows += [
            ("rules", f"{found['rules']:,} of {found['records']:,} records"),
            ("conditions per rule, mean", number(found["mean_features"], 1)),
            ("half-width of a rule's box in standard deviations, mean", number(found["mean_scale"], DIGITS)),
            (
                "precision of rules on draws that they were not made from, mean",
                number(found["mean_precision"], 4),
            ),
            ("share of the pool that a rule covers, mean", number(found["mean_coverage"], 6)),
        ]
    if rows:
        note = "A rule of a thousand conditions covers little more than its own record, so its confidence says little."
        yield ResultTable("Attributions and rules", ("what", "value"), tuple(rows), note)


def _prototypes(place: Workspace, *, beside_paper: bool) -> Iterable[ResultTable]:
    found = read_json(place, "prototypes", "prototypes.json")
    if found is None:
        return
    rows = []
    for name, block in found.items():
        paper = (
            (f"{CANDIDATES[name]}", f"{CLUSTERS[name]}", f"{SILHOUETTES[name]:.2f}") if beside_paper else ()
        )
        own = (
            f"{block['pool']}",
            f"{block['candidates']}",
            f"{block['dimensions'] or ''}",
            f"{block['prototypes']}",
            number(block["silhouette"], 2),
        )
        rows.append((name, *own, *paper))
    columns = ("superclass", "in the pool", "candidates", "dimensions", "prototypes", "silhouette")
    paper_columns = ("candidates [CF]", "prototypes [CF]", "silhouette [CF]") if beside_paper else ()
    note = (
        "Candidates have one superclass, which is predicted and no other. Our silhouette is of the DTW distances"
        " themselves, [CF]'s of an embedding, where it is higher."
    )
    yield ResultTable("Prototypes", (*columns, *paper_columns), tuple(rows), note)


def _counterfactuals(place: Workspace) -> Iterable[ResultTable]:
    folder = place.path / "out" / "report"
    if not (folder / "table_3.csv").is_file():
        return
    yield from _summary(_read(folder, "table_3.csv"))
    yield _by_target(_read(folder, "table_4.csv"))
    yield _by_initial(_read(folder, "tables_7_11.csv"), "By initial class ([CF] Tables 7-11)")
    yield _by_initial(
        _read(folder, "tables_12_13.csv"), "By combined initial classes ([CF] Tables 12 and 13)"
    )


def _summary(table: pd.DataFrame) -> tuple[ResultTable, ...]:
    rows = []
    for metric, name in SUMMARY_METRICS.items():
        for mean, paper, kind in (("micro", "paper", "all"), ("macro", "paper_macro", "targets alike")):
            of_metric = table[table["metric"] == metric].set_index("method")
            cells = [_beside(of_metric[mean].get(method), of_metric[paper].get(method)) for method in METHODS]
            if any(cells):
                rows.append((f"{name}, {kind}", *cells))
    note = (
        "Means over all queries with one label, and over targets of their means. "
        + SUSPECT
        + " Original and sparse"
        " are valid by construction."
    )
    return (ResultTable("Counterfactuals ([CF] Table 3)", ("metric", *METHODS.values()), tuple(rows), note),)


def _by_target(table: pd.DataFrame) -> ResultTable:
    targets = list(dict.fromkeys(table["target"]))
    rows = []
    for metric, name in CELL_METRICS.items():
        for method, spoken in METHODS.items():
            cells = table[(table["metric"] == metric) & (table["method"] == method)].set_index("target")
            rows.append(
                (
                    f"{name}, {spoken}",
                    *(_beside(cells["ours"].get(target), cells["paper"].get(target)) for target in targets),
                )
            )
    return ResultTable("By target ([CF] Table 4)", ("metric, method", *targets), tuple(rows), SUSPECT)


def _by_initial(table: pd.DataFrame, title: str) -> ResultTable:
    rows = []
    for (initial, target, method), cells in table.groupby(["initial", "target", "method"], sort=False):
        by_metric = cells.set_index("metric")
        paper_n = by_metric["paper_n"].iloc[0]
        rows.append(
            (
                f"{initial} to {target}, {METHODS[str(method)]}",
                f"{by_metric['n'].max()}" + ("" if pd.isna(paper_n) else f" ({paper_n:.0f})"),
                *(
                    _beside(by_metric["ours"].get(metric), by_metric["paper"].get(metric))
                    for metric in CELL_METRICS
                ),
            )
        )
    return ResultTable(title, ("from, to, method", "queries", *CELL_METRICS.values()), tuple(rows), SUSPECT)


def _beside(ours: float | None, paper: float | None) -> str:
    """Ours, and the paper's in brackets."""
    own, theirs = (number(None if pd.isna(value) else value, DIGITS) for value in (ours, paper))
    return f"{own or '-'} ({theirs})" if theirs else own


def _read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, keep_default_na=False, na_values=[""])
