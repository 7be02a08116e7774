"""What the explanation chain found, as tables: attributions, rules, prototypes, and counterfactuals beside [CF]'s."""

from collections.abc import Iterable

import pandas as pd

from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.report.texts import number
from flows.workspace import Workspace
from tasks.params.document import Params
from veribeat.conventions import SUPERCLASSES
from veribeat.prototypes.published import CANDIDATES, CLUSTERS, SILHOUETTES

SUMMARY_METRICS = {
    "validity": "validity",
    "share_changed": "share of samples changed",
    "mean_abs_mv": "mean difference, mV",
    "rms_mv": "RMS difference, mV",
    "noise_stability": "noise stability",
    "temporal_stability": "temporal stability",
    "shift_kept": "shifts that keep the prediction",
    "predicted_margin": "predicted margin",
    "target_margin": "margin of the target",
    "quality": "quality Q",
    "joint_jump_mv": "largest jump at a joint, mV",
    "limb_lead_residual_mv": "limb leads disagree by, mV",
    "share_outside_range": "samples outside of real amplitudes",
    "intervals_outside_range": "PR, QRS, QT outside of real ones",
    "nearest_real_mv": "DTW to the nearest real record, mV",
    "witness_reached": "witness sees just the target",
    "witness_present": "witness sees the target",
}
"""Of [CF] Table 3 and of ours, with their names on pages."""

CELL_METRICS = {
    "validity": "validity",
    "l0_share": "L0",
    "noise_stability": "noise stability",
    "predicted_margin": "margin",
}
"""Of [CF] Tables 4 and 7-13."""

METHODS = {
    "original": "original",
    "sparse": "sparse",
    "aligned_sparse": "aligned sparse",
    "beat_sparse": "beat sparse",
    "wave_sparse": "wave sparse",
}
"""Those of `veribeat.counterfactual.methods`, which takes seconds to import, with their names on pages."""

DIGITS = 3

LISTED_RUNS = 3
"""Of a rule that is shown: its summary holds ten, one of them a line on a page."""

BESIDE = "In brackets: [CF]."
"""What brackets are wherever a table has some."""

SUSPECT = "Treat its cells of single classes as suspect, as it prints figures per class under names in another order."


def attribution_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """How many attributions there are, and how noisy."""
    found = read_json(place, "attribute", "attribute.json")
    if found is None:
        return ()
    rows = (
        ("records", f"{found['records']:,}"),
        ("attributions, one per predicted class", f"{found['rows']:,}"),
        ("Monte-Carlo error, median", number(found["median_monte_carlo_error"], DIGITS)),
        ("Monte-Carlo error, largest", number(found["largest_monte_carlo_error"], DIGITS)),
    )
    note = "Errors are relative to the size of an attribution."
    return (_values("Attributions of the pool", rows, note),)


def rule_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """What rules hold, and one of each superclass."""
    return (*_rules(place), *_example_rules(place))


def prototype_tables(place: Workspace, params: Params) -> tuple[ResultTable, ...]:
    """From what and by what the prototypes of each superclass were chosen."""
    found = read_json(place, "prototypes", "prototypes.json")
    if found is None:
        return ()
    beside_paper = not params.cohort.simulated

    def cell(own: str, paper: str) -> str:
        return f"{own} ({paper})" if beside_paper else own

    blocks = {name: found[name] for name in SUPERCLASSES}
    rows = tuple(
        (
            name,
            f"{block['pool']}",
            cell(f"{block['candidates']}", f"{CANDIDATES[name]}"),
            f"{block['dimensions'] or ''}",
            cell(f"{block['prototypes']}", f"{CLUSTERS[name]}"),
            cell(number(block["silhouette"], 2), f"{SILHOUETTES[name]:.2f}").lstrip(),
        )
        for name, block in blocks.items()
    )
    note = (
        "Candidates have one superclass, and that one alone is predicted. The silhouette is of DTW distances."
    )
    if beside_paper:
        note += f" {BESIDE} Its silhouettes are of embeddings."
    columns = ("superclass", "in the pool", "candidates", "dimensions", "prototypes", "silhouette")
    return (ResultTable("Prototypes of each superclass", columns, rows, note), *_donor_tables(place))


def _donor_tables(place: Workspace) -> tuple[ResultTable, ...]:
    found = read_json(place, "donors", "donors.json")
    if found is None:
        return ()
    rows = tuple(
        (name, f"{found[name]['candidates']:,}", f"{found[name]['donors']}") for name in SUPERCLASSES
    )
    note = "Beat sparse and wave sparse take from these. Candidates that are predicted most clearly were clustered."
    return (ResultTable("Donors of each superclass", ("superclass", "candidates", "donors"), rows, note),)


def summary_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """All counterfactuals by method, [CF] Table 3; none before the stage `report` has run."""
    table = _read(place, "table_3.csv")
    if table is None:
        return ()
    rows = []
    for metric, name in SUMMARY_METRICS.items():
        of_metric = table[table["metric"] == metric].set_index("method")
        rows.append((name, *_by_method(of_metric, "micro", "paper")))
        if metric in CELL_METRICS:
            rows.append((f"{name}, mean over targets", *_by_method(of_metric, "macro", "paper_macro")))
    shown = tuple(row for row in rows if any(row[1:]))
    note = (
        "Means over the queries with one superclass and their targets. Original is the nearest prototype, sparse takes"
        " parts of it, aligned sparse takes them after its beats were moved onto those of the query; the first two are"
        " valid by construction. Beat sparse takes 0.2 s of a lead at a time from several donors in the query's rhythm,"
        " wave sparse one wave of a lead in every beat. A witness is another classifier; a margin a probability minus"
        " its threshold."
    )
    title = "Counterfactuals by method"
    if not shown:
        return (ResultTable(f"{title}: no query with one superclass has any", (), ()),)
    if _has_paper(table):
        title += " ([CF] Table 3)"
        note += (
            f" {BESIDE} Compare the means over targets first: its others are over an uneven mix of targets."
        )
    return (ResultTable(title, ("metric", *METHODS.values()), shown, note),)


def target_tables(place: Workspace) -> tuple[ResultTable, ...]:
    """The same by target, [CF] Table 4."""
    table = _read(place, "table_4.csv")
    if table is None or table.empty:
        return ()
    title = "By target ([CF] Table 4)" if _has_paper(table) else "By target"
    note = "L0: share of the samples that differ at all. Margin: of what is predicted."
    if _has_paper(table):
        note += f" {BESIDE} {SUSPECT}"
    return (_by_target(table, title, note),)


def initial_tables(place: Workspace, name: str) -> tuple[ResultTable, ...]:
    """The same for each class, or combination of classes, of the queries: `name` is the file, [CF] Tables 7-13."""
    table = _read(place, name)
    if table is None:
        return ()
    return tuple(
        _by_target(cells, f"Queries of {initial}: {_queries(cells)}")
        for initial, cells in table.groupby("initial", sort=False)
    )


def _rules(place: Workspace) -> tuple[ResultTable, ...]:
    found = read_json(place, "rules", "rules.json")
    if found is None:
        return ()
    rows = (
        ("records", f"{found['records']:,}"),
        ("rules found", f"{found['rules']:,}"),
        ("conditions, mean", number(found["mean_features"], 1)),
        ("half-width of the box, standard deviations, mean", number(found["mean_scale"], DIGITS)),
        ("precision on fresh draws, mean", number(found["mean_precision"], 4)),
        ("share of the pool covered, mean", number(found["mean_coverage"], 6)),
        ("confidence, mean", number(found["mean_confidence"], DIGITS)),
    )
    note = "A rule that covers no record but its own has a confidence of 1, which says nothing."
    return (_values("Rules of the prototype candidates", rows, note),)


def _example_rules(place: Workspace) -> tuple[ResultTable, ...]:
    """Of each superclass the rule that covers most records, and of those the first."""
    file = place.path / "out" / "rules" / "summary.parquet"
    if not file.is_file():
        return ()
    summary = pd.read_parquet(file, columns=["ecg_id", "superclass", "features", "kept", "covered", "text"])
    rows = []
    for name in SUPERCLASSES:
        rules = summary[summary["kept"] & (summary["superclass"] == name)]
        if len(rules):
            rule = rules.iloc[rules["covered"].to_numpy().argmax()]
            runs = "; ".join(rule["text"].split("; ")[:LISTED_RUNS])
            rows.append((f"{name}, {rule['ecg_id']}", runs, f"{rule['features']}", f"{rule['covered']}"))
    columns = ("superclass, record", "some of its conditions", "conditions", "records covered")
    note = "Of each superclass the rule that covers most records of the pool, its own among them."
    return (ResultTable("Examples of rules", columns, tuple(rows), note),) if rows else ()


def _values(title: str, rows: Iterable[tuple[str, str]], note: str) -> ResultTable:
    """A table of single values; those that are undefined are left out."""
    return ResultTable(title, ("what", "value"), tuple(row for row in rows if row[1]), note)


def _by_method(table: pd.DataFrame, ours: str, paper: str) -> tuple[str, ...]:
    """A cell for each method of one metric, whose rows have the methods as index."""
    return tuple(_beside(table[ours].get(method), table[paper].get(method)) for method in METHODS)


def _by_target(table: pd.DataFrame, title: str, note: str = "") -> ResultTable:
    targets = [name for name in SUPERCLASSES if (table["target"] == name).any()]
    cells = table.set_index(["metric", "method", "target"])
    rows = tuple(
        (
            f"{name}, {spoken}",
            *(
                _beside(*(cells[column].get((metric, method, target)) for column in ("ours", "paper")))
                for target in targets
            ),
        )
        for metric, name in CELL_METRICS.items()
        for method, spoken in METHODS.items()
        if (table["method"] == method).any()
    )
    return ResultTable(title, ("metric, method", *targets), rows, note)


def _queries(cells: pd.DataFrame) -> str:
    """Such as "46 ([CF]: 119)"."""
    ours, paper = cells["n"].max(), cells["paper_n"].iloc[0]
    return f"{ours}" if pd.isna(paper) else f"{ours} ([CF]: {paper:.0f})"


def _beside(ours: float | None, paper: float | None) -> str:
    """Such as "0.620 (0.650)": ours, and the paper's in brackets; either may be missing."""
    own, theirs = (number(value, DIGITS) for value in (ours, paper))
    return f"{own} ({theirs})".lstrip() if theirs else own


def _has_paper(table: pd.DataFrame) -> bool:
    return bool(table["paper"].notna().any())


def _read(place: Workspace, name: str) -> pd.DataFrame | None:
    """A table of the stage `report`; None before it has run."""
    file = place.path / "out" / "report" / name
    return pd.read_csv(file, keep_default_na=False, na_values=[""]) if file.is_file() else None
