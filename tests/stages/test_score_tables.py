"""The tables of scores that the terminal and the pages show, on a fabricated workspace."""

import io
import json
import re
import shutil

import pandas as pd
from rich.console import Console
from ruamel.yaml import YAML

from flows.report.result_table import ResultTable
from flows.report.score_tables import detail_tables, score_tables
from flows.report.terminal import result_tables, show_results
from flows.workspace import Workspace
from veribeat.metrics.published import CALIBRATED, TABLE_5

INTERVAL = r"\d\.\d{4} \(\d\.\d{3}-\d\.\d{3}\)"


def with_params(place: Workspace, source: str = "simulated", arms: tuple[str, ...] = ("baseline",)) -> None:
    """Rewrite params.yaml: another source of the cohort, more arms, each with the outputs of the first."""
    document = YAML(typ="safe").load(place.params_file)
    document["cohort"]["source"] = source
    document["arms"] = dict.fromkeys(arms, document["arms"]["baseline"])
    document["explain"]["witness"] = None
    YAML().dump(document, place.params_file)
    for arm in arms[1:]:
        shutil.copytree(place.path / "out/calibrate-baseline", place.path / f"out/calibrate-{arm}")


def starting(tables: tuple[ResultTable, ...], words: str) -> ResultTable:
    (table,) = [table for table in tables if table.title.startswith(words)]
    return table


def test_each_set_of_held_out_records_has_a_table_of_scores_with_intervals(place: Workspace) -> None:
    tables = score_tables(place)
    titles = [table.title for table in tables if table.title.startswith("Held-out")]
    assert titles == [f"Held-out records, {name}" for name in ("fold 8: 10", "fold 10: 10", "test: 20")]
    metrics = json.loads((place.path / "out/calibrate-baseline/metrics.json").read_text())
    fold_8 = starting(tables, "Held-out records, fold 8")
    assert fold_8.columns == ("metric", "baseline")
    assert "95 % intervals over 1000 draws of patients" in fold_8.note
    cells = dict(fold_8.rows)
    assert len(cells) == 16
    assert all(re.fullmatch(INTERVAL, cell) for cell in cells.values())
    assert cells["macro-F1, calibrated"].startswith(f"{metrics['fold_08']['calibrated']['f1_macro']:.4f} ")
    by_class = starting(tables, "Test, per superclass")
    assert all(re.fullmatch(INTERVAL, row[2]) and re.fullmatch(INTERVAL, row[5]) for row in by_class.rows)


def test_published_scores_stand_beside_fold_10_alone_and_not_beside_simulated_records(
    place: Workspace,
) -> None:
    assert all("[CF]" not in table.columns for table in (*score_tables(place), *detail_tables(place)))
    with_params(place, source="ptbxl")
    tables = (*score_tables(place), *detail_tables(place))
    beside = [table.title for table in tables if "[CF]" in table.columns]
    assert [title.split(":")[0] for title in beside] == [
        "Held-out records, fold 10",
        "Errors, fold 10, at 0.5",
    ]
    row = next(row for row in starting(tables, beside[0]).rows if row[0] == "macro-F1, calibrated")
    assert row[-1] == f"{CALIBRATED['f1_macro']:.4f}"


def test_error_patterns_stand_beside_those_of_the_paper(place: Workspace) -> None:
    with_params(place, source="ptbxl")
    table = starting(detail_tables(place), "Errors, fold 10, at 0.5")
    rows = {name: (own, paper) for name, own, paper in table.rows}
    for true, predicted, percent in TABLE_5:
        assert rows[f"{true} -> {predicted}"][1] == f"{percent:.2f}"
    found = pd.read_csv(place.path / "out/calibrate-baseline/error_patterns.csv", keep_default_na=False)
    found = found[(found["records"] == "fold_10") & (found["thresholds"] == "at_half")]
    assert len(found)
    for row in found.itertuples():
        assert rows[f"{row.true} -> {row.predicted}"][0] == f"{row.percent:.2f}"
    highest = [max(float(cell or 0) for cell in row[1:]) for row in table.rows]
    assert highest == sorted(highest, reverse=True)


def test_subgroups_are_shown_with_intervals_and_what_is_undefined_is_empty(place: Workspace) -> None:
    file = place.path / "out/calibrate-baseline/subgroups.csv"
    subgroups = pd.read_csv(file)
    subgroups.loc[subgroups["attribute"] == "sex", "auroc_macro"] = None
    subgroups.to_csv(file, index=False)
    table = starting(detail_tables(place), "Test, baseline by sex, age and device")
    rows = {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
    assert list(rows) == ["sex: male", "age: 60-74", "device: other"]
    assert rows["sex: male"]["macro-AUROC"] == ""
    assert re.fullmatch(r"\d\.\d{3} \(\d\.\d{3}-\d\.\d{3}\)", rows["device: other"]["macro-AUROC"])


def test_outputs_without_intervals_are_shown_as_they_are(place: Workspace) -> None:
    (place.path / "out/calibrate-baseline/intervals.csv").unlink()
    tables = score_tables(place)
    cells = dict(starting(tables, "Held-out records, fold 8").rows)
    assert re.fullmatch(r"\d\.\d{4}", cells["macro-F1, calibrated"])
    assert not any(table.note for table in tables)
    assert not detail_tables(place)


def test_two_arms_fit_a_terminal_of_120_columns(place: Workspace) -> None:
    with_params(place, source="ptbxl", arms=("baseline", "resnet1d"))
    terminal = io.StringIO()
    show_results(place.path, Console(file=terminal, width=120))
    lines = terminal.getvalue().splitlines()
    rows = [line for line in lines if line.startswith("│")]
    assert len(rows) == sum(len(table.rows) for table in result_tables(place))  # none is wrapped
    assert not any("…" in line for line in lines)
