"""The tables of the explanation chain that the terminal and the pages show, on a fabricated workspace."""

import io
import json
import shutil
from typing import Any

import pandas as pd
from rich.console import Console
from ruamel.yaml import YAML

from flows.report.explanation_tables import (
    METHODS,
    attribution_tables,
    initial_tables,
    prototype_tables,
    rule_tables,
    summary_tables,
    target_tables,
)
from flows.report.page import numeric_columns
from flows.report.result_table import ResultTable
from flows.report.terminal import result_tables, show_results
from flows.workspace import Workspace
from tasks.report import METRICS
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual import methods
from veribeat.counterfactual.paper_methods import PAPER_METHODS
from veribeat.counterfactual.published import QUERIES
from veribeat.counterfactual.tables import table_3, table_4, tables_7_11, tables_12_13
from veribeat.prototypes.published import CANDIDATES, CLUSTERS, SILHOUETTES


def beside_paper(place: Workspace) -> None:
    """Make it a workspace on PTB-XL: the stage `report` then writes the figures of [CF] beside ours."""
    document = YAML(typ="safe").load(place.params_file)
    document["cohort"]["source"] = "ptbxl"
    YAML().dump(document, place.params_file)
    table = pd.read_parquet(place.path / "out/counterfactuals/counterfactuals.parquet")
    for make in (table_3, table_4, tables_7_11, tables_12_13):
        make(table, METRICS, beside_paper=True).to_csv(
            place.path / f"out/report/{make.__name__}.csv", index=False
        )


def edit_json(place: Workspace, stage: str, **values: Any) -> None:
    file = place.path / "out" / stage / f"{stage}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def all_tables(place: Workspace) -> tuple[ResultTable, ...]:
    return (
        *attribution_tables(place),
        *rule_tables(place),
        *prototype_tables(place, place.params()),
        *summary_tables(place),
        *target_tables(place),
        *initial_tables(place, "tables_7_11.csv"),
        *initial_tables(place, "tables_12_13.csv"),
    )


def cells(table: ResultTable, row: str) -> dict[str, str]:
    """A row by the name of its columns."""
    (found,) = [each for each in table.rows if each[0] == row]
    return dict(zip(table.columns[1:], found[1:], strict=True))


def test_prototypes_are_in_the_order_of_the_classes_with_those_of_the_paper(place: Workspace) -> None:
    block = {"pool": 496, "candidates": 84, "prototypes": 2, "dimensions": 5, "silhouette": 0.291}
    undivided = {"pool": 4, "candidates": 2, "prototypes": 1, "dimensions": None, "silhouette": None}
    names = sorted(SUPERCLASSES)  # as the stage writes them
    edit_json(place, "prototypes", **{name: block if name == "CD" else undivided for name in names})
    beside_paper(place)
    table, donors = prototype_tables(place, place.params())
    assert cells(donors, "MI") == {"candidates": "9", "donors": "1"}
    assert [row[0] for row in table.rows] == list(SUPERCLASSES)
    assert cells(table, "CD") == {
        "in the pool": "496",
        "candidates": f"84 ({CANDIDATES['CD']})",
        "dimensions": "5",
        "prototypes": f"2 ({CLUSTERS['CD']})",
        "silhouette": f"0.29 ({SILHOUETTES['CD']:.2f})",
    }
    assert cells(table, "HYP")["dimensions"] == ""
    assert cells(table, "HYP")["silhouette"] == f"({SILHOUETTES['HYP']:.2f})"
    assert all(numeric_columns(table)[1:])


def test_nothing_of_the_paper_stands_beside_simulated_records(place: Workspace) -> None:
    texts = [
        text
        for table in all_tables(place)
        for text in (table.title, table.note, *table.columns, *(cell for row in table.rows for cell in row))
    ]
    assert len(texts) > 100
    assert not [text for text in texts if "[CF]" in text or "(" in text]


def test_the_summary_has_means_over_counterfactuals_and_over_targets(place: Workspace) -> None:
    beside_paper(place)
    (table,) = summary_tables(place)
    of_file = pd.read_csv(place.path / "out/report/table_3.csv").set_index(["metric", "method"])
    assert tuple(METHODS) == methods.METHODS
    assert table.columns == ("metric", *METHODS.values())
    for metric, name in (("validity", "validity"), ("predicted_margin", "predicted margin")):
        micro, macro = cells(table, name), cells(table, f"{name}, mean over targets")
        for method, spoken in METHODS.items():
            found = of_file.loc[(metric, method)]
            beside = method in PAPER_METHODS
            assert micro[spoken] == f"{found['micro']:.3f}" + f" ({found['paper']:.3f})" * beside
            assert macro[spoken] == f"{found['macro']:.3f}" + f" ({found['paper_macro']:.3f})" * beside
    ours_alone = of_file.loc[("quality", "sparse"), "micro"]
    assert cells(table, "quality Q")["sparse"] == f"{ours_alone:.3f}"
    assert "[CF] Table 3" in table.title
    assert "In brackets: [CF]" in table.note


def test_targets_have_a_column_each_and_a_row_for_each_metric_and_method(place: Workspace) -> None:
    beside_paper(place)
    (table,) = target_tables(place)
    of_file = pd.read_csv(place.path / "out/report/table_4.csv").set_index(["metric", "method", "target"])
    assert table.columns == ("metric, method", *SUPERCLASSES)
    found = of_file.loc[("l0_share", "aligned_sparse", "MI")]
    assert cells(table, "L0, aligned sparse")["MI"] == f"{found['ours']:.3f} ({found['paper']:.3f})"
    assert len(table.rows) == 4 * len(METHODS)


def test_each_class_of_the_queries_has_a_table_also_where_only_the_paper_has_queries(
    place: Workspace,
) -> None:
    beside_paper(place)
    single = initial_tables(place, "tables_7_11.csv")
    titles = [table.title for table in single]
    assert f"Queries of NORM: 2 ([CF]: {QUERIES['NORM']})" in titles
    assert f"Queries of MI: 0 ([CF]: {QUERIES['MI']})" in titles
    papers = single[titles.index(f"Queries of MI: 0 ([CF]: {QUERIES['MI']})")]
    assert "MI" not in papers.columns
    assert all(cell.startswith("(") for cell in cells(papers, "validity, sparse").values())
    assert all(numeric_columns(papers)[1:])
    combined = initial_tables(place, "tables_12_13.csv")
    assert f"Queries of CD+NORM: 2 ([CF]: {QUERIES['CD+NORM']})" in [table.title for table in combined]


def test_without_counterfactuals_the_summary_is_a_sentence(place: Workspace) -> None:
    for name in ("table_3", "table_4", "tables_7_11", "tables_12_13"):
        file = place.path / f"out/report/{name}.csv"
        file.write_text(file.read_text().partition("\n")[0] + "\n")
    (table,) = summary_tables(place)
    assert table.title == "Counterfactuals by method: no query with one superclass has any"
    assert table.rows == ()
    assert target_tables(place) == ()
    assert initial_tables(place, "tables_7_11.csv") == ()


def test_of_each_superclass_the_rule_that_covers_most_is_shown(place: Workspace) -> None:
    file = place.path / "out/rules/summary.parquet"
    summary = pd.read_parquet(file)
    wider = summary[summary["superclass"] == "CD"].assign(ecg_id=77, covered=3, text="a; b; c; d")
    narrower = wider.assign(ecg_id=78, covered=2)
    pd.concat([summary, narrower, wider], ignore_index=True).to_parquet(file)
    _, examples = rule_tables(place)
    names = [row[0].split(", ") for row in examples.rows]
    assert [name for name, _ in names] == [name for name in SUPERCLASSES if name != "HYP"]  # has no rule
    assert cells(examples, "CD, 77")["some of its conditions"] == "a; b; c"
    assert cells(examples, "CD, 77")["records covered"] == "3"


def test_what_is_undefined_has_no_row(place: Workspace) -> None:
    names = [row[0] for row in rule_tables(place)[0].rows]
    assert "half-width of the box, standard deviations, mean" in names
    edit_json(place, "rules", mean_scale=None)  # rules are hulls
    assert [row[0] for row in rule_tables(place)[0].rows] == [
        name for name in names if "half-width" not in name
    ]
    undefined = dict.fromkeys(("median_monte_carlo_error", "largest_monte_carlo_error"))
    edit_json(place, "attribute", records=0, rows=0, **undefined)
    (table,) = attribution_tables(place)
    assert table.rows == (("records", "0"), ("attributions, one per predicted class", "0"))


def test_stages_that_have_not_run_have_no_tables(place: Workspace) -> None:
    shutil.rmtree(place.path / "out")
    assert all_tables(place) == ()


def test_the_terminal_shows_prototypes_and_the_summary_alone(place: Workspace) -> None:
    beside_paper(place)
    shown = [table.title for table in result_tables(place)]
    assert shown[-3:] == [
        "Prototypes of each superclass",
        "Donors of each superclass",
        "Counterfactuals by method ([CF] Table 3)",
    ]
    terminal = io.StringIO()
    show_results(place.path, Console(file=terminal, width=120))
    rows = [line for line in terminal.getvalue().splitlines() if line.startswith("│")]
    assert len(rows) == sum(len(table.rows) for table in result_tables(place))  # none is wrapped
