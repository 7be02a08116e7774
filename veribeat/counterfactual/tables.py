"""Tables 3, 4 and 7-13 of [CF] for our counterfactuals, with the paper's figures beside ours.

A counterfactual is one row of a table with the columns initial (the query's predicted classes, see
`targets.initial_name`), target (one superclass), method, and a column for each metric (`evaluation.Metrics`). Means are
over all counterfactuals, valid or not, as [CF]'s are (see `published`). A metric that is NaN for a counterfactual is
left out of the mean, and n counts those that are in it.

Rows are the cells that we or the paper have: n is 0 and `ours` NaN where we have none, `paper` NaN where it has none
or, without `beside_paper`, everywhere. Differences are ours - the paper's.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual import published


def table_3(counterfactuals: pd.DataFrame, metrics: Sequence[str], *, beside_paper: bool) -> pd.DataFrame:
    """Return the summary by method over the queries with one label ([CF] Table 3).

    Micro is the mean over counterfactuals, macro the mean over targets of their means, from `targets` of them. The
    paper's macro is that of its Table 4 over the targets that we have. Compare macro first: the paper's micro is over
    an uneven mix of targets.

    Returns:
        Columns metric, method, n, micro, paper, difference, targets, macro, paper_macro, macro_difference.
    """
    single = _single_label(counterfactuals)
    micro = _beside(_means(single, ["method"], metrics), published.table_3(), metrics, beside_paper)
    by_target = table_4(counterfactuals, metrics, beside_paper=beside_paper).dropna(subset="ours")
    macro = by_target.groupby(["metric", "method"], as_index=False).agg(
        targets=("ours", "count"), macro=("ours", "mean"), paper_macro=("paper", "mean")
    )
    table = micro.rename(columns={"ours": "micro"}).merge(macro, on=["metric", "method"], how="left")
    table["targets"] = table["targets"].fillna(0).astype("int64")
    table["macro_difference"] = table["macro"] - table["paper_macro"]
    return table


def table_4(counterfactuals: pd.DataFrame, metrics: Sequence[str], *, beside_paper: bool) -> pd.DataFrame:
    """Return the means by target over the queries with one label ([CF] Table 4).

    Returns:
        Columns metric, method, target, n, ours, paper, difference.
    """
    ours = _means(_single_label(counterfactuals), ["method", "target"], metrics)
    return _beside(ours, published.table_4(), metrics, beside_paper)


def tables_7_11(counterfactuals: pd.DataFrame, metrics: Sequence[str], *, beside_paper: bool) -> pd.DataFrame:
    """Return the means by target for every initial class of its own ([CF] Tables 7-11).

    Returns:
        Columns initial, target, method, metric, n, ours, paper, difference, paper_n: the queries of the initial class
        that the paper prints, which are not its denominators (see `published`).
    """
    paper = published.tables_7_13()
    return _by_initial(_single_label(counterfactuals), _single_label(paper), metrics, beside_paper)


def tables_12_13(
    counterfactuals: pd.DataFrame, metrics: Sequence[str], *, beside_paper: bool
) -> pd.DataFrame:
    """Return the means by target for every combination of initial classes ([CF] Tables 12, 13).

    The paper has eight pairs; combinations that only we have, of three classes for example, follow. Queries without a
    label are in no table.

    Returns:
        Columns as `tables_7_11`.
    """
    paper = published.tables_7_13()
    return _by_initial(_combined(counterfactuals), _combined(paper), metrics, beside_paper)


def _single_label(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["initial"].isin(SUPERCLASSES)]


def _combined(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["initial"].str.contains("+", regex=False)]


def _by_initial(
    counterfactuals: pd.DataFrame, paper: pd.DataFrame, metrics: Sequence[str], beside_paper: bool
) -> pd.DataFrame:
    ours = _means(counterfactuals, ["initial", "target", "method"], metrics)
    table = _beside(ours, paper, metrics, beside_paper)
    printed = published.QUERIES if beside_paper else {}
    table["paper_n"] = table["initial"].map(printed).astype("Int64")
    return table


def _means(counterfactuals: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Columns `by`, metric, n, ours; without cells that have no value."""
    long = counterfactuals.melt(
        id_vars=list(by), value_vars=list(metrics), var_name="metric", value_name="ours"
    ).dropna(subset="ours")
    long["ours"] = long["ours"].astype("float64")
    return long.groupby([*by, "metric"], as_index=False).agg(n=("ours", "count"), ours=("ours", "mean"))


def _beside(
    ours: pd.DataFrame, paper: pd.DataFrame, metrics: Sequence[str], beside_paper: bool
) -> pd.DataFrame:
    """Our cells and the paper's of the same metrics, in the paper's order, with what it does not have last."""
    keys = [str(column) for column in paper if column != "paper"]
    shown = paper[paper["metric"].isin(metrics)] if beside_paper else paper.iloc[:0]
    table = ours.merge(shown, on=keys, how="outer")
    table["n"] = table["n"].fillna(0).astype("int64")
    table["difference"] = table["ours"] - table["paper"]
    order = {
        "initial": published.QUERIES,
        "target": published.TARGETS,
        "method": published.METHODS,
        "metric": metrics,
    }
    table = table.sort_values(
        keys, key=lambda column: _places(column, order[str(column.name)]), ignore_index=True
    )
    return table[[*keys, "n", "ours", "paper", "difference"]]


def _places(names: pd.Series, first: Iterable[str]) -> pd.Series:
    """Where each name comes: those of `first` in their order, then the others alphabetically."""
    listed = list(first)
    ordered = [*listed, *sorted(set(names) - set(listed))]
    return names.map({name: place for place, name in enumerate(ordered)})
