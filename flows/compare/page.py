"""comparison.html and comparison.csv: what a comparison found, on one page without links outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows.compare.cells import CLEAN
from flows.compare.figures import comparison_figures, pictures
from flows.compare.ledger import FinishedCell
from flows.compare.scores import HeldOutRecords, arms_of, compare_arms, conclusion
from flows.compare.tables import (
    class_table,
    detection_table,
    result_table,
    selection_table,
    settings_table,
    terminal_rows,
    won_back,
)
from flows.folders import write_whole
from flows.report.figures import Picture
from flows.report.page import render
from flows.report.result_table import ResultTable
from flows.report.texts import folds, listed
from flows.workspace import Workspace

PAGE = "comparison.html"
TABLE = "comparison.csv"
NOTHING = "Nothing is trained yet."

WEIGHTED = "infobatch"
"""The strategy that weights the losses of what it keeps (`models.selection.strategies.infobatch`)."""


@dataclass(frozen=True)
class BackbonePart:
    """What the page shows of the cells of a backbone."""

    backbone: str
    conclusions: tuple[str, ...]
    tables: tuple[ResultTable, ...]
    pictures: tuple[Picture, ...]
    settings: ResultTable


@dataclass(frozen=True)
class ComparisonContent:
    """All that the page shows."""

    name: str
    simulated: bool
    summary: tuple[str, ...]
    missing: tuple[str, ...]
    parts: tuple[BackbonePart, ...]


def write_comparison(
    folder: Path, cells: Sequence[FinishedCell], place: Workspace, missing: Sequence[str]
) -> Path:
    """Write the page and the table of a comparison's finished cells to its folder; returns the page.

    Arms are compared within a backbone. Raises InputError when a cell is of other test records.
    """
    params = place.params()
    reference = params.compare.reference
    scores = _scores(cells, place)
    parts = []
    for backbone, own in _by_backbone(cells).items():
        of_records = folder if len(scores) == 1 else folder / backbone  # arms are named alike in each
        of_records.mkdir(parents=True, exist_ok=True)
        tables = [result_table(scores[backbone], reference), class_table(scores[backbone])]
        if (selected := selection_table(own)).rows:
            tables.append(selected)
        if (detected := detection_table(own)) is not None:
            tables.append(detected)
        figures = comparison_figures(own, scores[backbone], reference, place)
        parts.append(
            BackbonePart(
                backbone=backbone,
                conclusions=conclusions(scores[backbone], reference),
                tables=tuple(tables),
                pictures=pictures(figures, of_records),
                settings=settings_table(own),
            )
        )
    content = ComparisonContent(
        name=folder.name,
        simulated=params.cohort.simulated,
        summary=_summary(cells, place),
        missing=tuple(missing),
        parts=tuple(parts),
    )
    rows = [table.assign(backbone=backbone) for backbone, table in scores.items()]
    table = pd.concat(rows) if rows else pd.DataFrame(columns=["backbone", "arm"])
    table.insert(0, "backbone", table.pop("backbone"))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TABLE, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    write_whole(folder / PAGE, render("comparison.html", content=content))
    return folder / PAGE


def show_comparison(cells: Sequence[FinishedCell], place: Workspace, console: Console) -> None:
    """Print the main table of each backbone and what it says."""
    reference = place.params().compare.reference
    scores = _scores(cells, place)
    if not scores:
        console.print(NOTHING)
    for backbone, of_arms in scores.items():
        rows = terminal_rows(of_arms)
        table = Table(*rows[0], title=backbone, title_justify="left")
        for column in table.columns[1:]:
            column.justify, column.overflow = "right", "fold"
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
        console.print(f"In brackets after a cost: the same over that of {reference}.", highlight=False)
        for sentence in conclusions(of_arms, reference):
            console.print(sentence, highlight=False)


def conclusions(scores: pd.DataFrame, reference: str) -> tuple[str, ...]:
    """A sentence for each arm beside the reference, or why there is none, and on contamination where there was any."""
    if reference not in set(scores["arm"]):
        return (f"{reference} is not trained yet, so that no arm can be set beside it.",)
    most = scores["seeds"].max()
    sentences = []
    for row in scores.to_dict("records"):
        arm = row["arm"]
        if arm in (reference, CLEAN):
            continue
        if pd.isna(row.get("f1_macro_difference")):
            sentences.append(f"{arm}: not set beside {reference}, which has no seed in common with it.")
            continue
        sentence = conclusion({str(key): value for key, value in row.items()}, reference)
        if (paired := int(row["paired_seeds"])) < most:
            only = "the only seed" if paired == 1 else f"the only {paired} seeds"
            sentence += f" This is of {only} that both have."
        sentences.append(sentence)
    return (*sentences, *won_back(scores, reference))


def _by_backbone(cells: Sequence[FinishedCell]) -> dict[str, list[FinishedCell]]:
    found: dict[str, list[FinishedCell]] = {}
    for cell in cells:
        found.setdefault(cell.backbone, []).append(cell)
    return found


def _scores(cells: Sequence[FinishedCell], place: Workspace) -> dict[str, pd.DataFrame]:
    """Of each backbone the rows of `compare_arms`."""
    params = place.params().compare
    return {
        backbone: compare_arms(own, HeldOutRecords.of(place), params, params.reference)
        for backbone, own in _by_backbone(cells).items()
    }


def _summary(cells: Sequence[FinishedCell], place: Workspace) -> tuple[str, ...]:
    """What is compared, and the protocol, as the cells' own settings have it."""
    if not cells:
        return (NOTHING,)
    seeds = sorted({own.seed for own in cells})
    split = place.params().split
    backbones = list(_by_backbone(cells))
    sentences = [
        f"Compared is which training records an epoch uses: {listed(list(arms_of(cells)))}.",
        f"{'Backbones' if len(backbones) > 1 else 'Backbone'} {listed(backbones)},"
        f" seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}; training on {folds(split.train)},"
        f" validation on {folds(split.validation)}, test on {folds(split.test)}"
        f"{' together' if len(split.test) > 1 else ''}.",
        _recipe(cells),
        f"Epochs are fixed: {_epochs(cells)}. Kept is the one with the highest validation macro-F1; thresholds are from"
        " validation.",
    ]
    beside = max(own.content["cell"]["side_by_side"] for own in cells)
    if beside > 1:
        sentences.append(
            f"Up to {beside} trainings ran at a time, so wall times are longer than alone; processor times are"
            " nearer to what an arm costs."
        )
    contaminated = [own.content["cell"]["contamination"] for own in cells]
    if found := next((block for block in contaminated if block), None):
        sentences.append(
            f"{found['record_share']:.0%} of the training records had noise at {found['snr_db'][0]:g} to"
            f" {found['snr_db'][1]:g} dB, {found['label_share']:.0%} the labels of another record; the arm {CLEAN} was"
            " trained on the records as they are."
        )
    return tuple(sentences)


def _recipe(cells: Sequence[FinishedCell]) -> str:
    """Whether all arms are trained alike but for the records."""
    for own in _by_backbone(cells).values():
        # One arm may have fewer epochs, because that is what makes it as cheap as another.
        recipes = [{**cell.content["cell"]["preset"], "max_epochs": None} for cell in own]
        if any(recipe != recipes[0] for recipe in recipes):
            return "Arms differ in more than that: see the presets in their settings."
    sentence = (
        "All have the same optimiser, batches and schedule, which goes by the share of the run that is over"
    )
    weighted = [
        arm
        for arm, own in arms_of(cells).items()
        if own[0].content["cell"]["selection"].get("strategy") == WEIGHTED
    ]
    alike = f", and the same loss, which {listed(weighted)} weights by record" if weighted else ", and loss"
    return f"{sentence}{alike}."


def _epochs(cells: Sequence[FinishedCell]) -> str:
    """Such as "16, but 10 of full_matched"."""
    of_arms = {
        arm: sorted({cell.content["cell"]["preset"]["max_epochs"] for cell in own})
        for arm, own in arms_of(cells).items()
    }
    found = list(of_arms.values())
    usual = max(found, key=found.count)
    others = [
        f"{' or '.join(map(str, epochs))} of {arm}" for arm, epochs in of_arms.items() if epochs != usual
    ]
    return ", but ".join([" or ".join(map(str, usual)), *([listed(others)] if others else [])])
