"""The tables of a comparison, for its page and for the terminal."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from flows.compare.cells import CLEAN
from flows.compare.ledger import FinishedCell
from flows.compare.scores import arms_of, epochs_worth
from flows.report.result_table import ResultTable
from flows.report.texts import number, with_interval
from flows.tracking.content import flatten
from veribeat.conventions import SUPERCLASSES

DETECTORS = {
    "dropped_finds_noise": "noise, by what the filter dropped",
    "focus_finds_noise": "noise, by low focus",
    "difficulty_finds_noise": "noise, by difficulty",
    "dropped_finds_flipped": "wrong labels, by what the filter dropped",
    "focus_finds_flipped": "wrong labels, by low focus",
    "difficulty_finds_flipped": "wrong labels, by difficulty",
}
"""What a contaminated comparison reports of each arm, as AUROC."""

LEAST_LOST = 0.02
"""Macro-F1 that contamination must cost the reference for what is won back to mean anything."""


def result_table(scores: pd.DataFrame, reference: str) -> ResultTable:
    """Quality and cost of each arm."""
    rows = []
    for row in scores.to_dict("records"):
        difference = ""
        if not np.isnan(row.get("f1_macro_difference", np.nan)):
            low, high = row["f1_macro_difference_low"], row["f1_macro_difference_high"]
            difference = f"{row['f1_macro_difference']:+.4f} ({low:+.4f} to {high:+.4f})"
        rows.append(
            (
                str(row["arm"]),
                str(row["seeds"]),
                with_interval(row["f1_macro"], (row["f1_macro_low"], row["f1_macro_high"])),
                number(row["f1_macro_seed_sd"]),
                difference,
                number(row["auroc_macro"]),
                number(row["effective_epochs"], 2),
                number(epochs_worth(row["forward_equivalents"]), 2),
                number(row.get("forward_equivalents_ratio"), 2),
                number(row["processor_minutes"], 2),
                number(row.get("processor_minutes_ratio"), 2),
                number(row["wall_minutes"], 2),
                number(row.get("wall_minutes_ratio"), 2),
            )
        )
    columns = (
        *("arm", "seeds", "macro-F1", "sd of seeds", f"difference to {reference}", "macro-AUROC"),
        *("effective epochs", "forward-equivalents, epochs", "ratio", "processor minutes", "ratio"),
        *("wall minutes", "ratio"),
    )
    note = (
        "Test records, thresholds from validation. Intervals: patients drawn with replacement, seeds averaged;"
        " differences are of the same draws and seeds. Effective epochs: records trained on over those there are."
        " Forward-equivalents: all passes, a backward pass counted as two, in epochs on all records. Minutes are of"
        " this machine, validation after each epoch included."
    )
    return ResultTable("Quality and cost", columns, tuple(rows), note)


def class_table(scores: pd.DataFrame) -> ResultTable:
    """Recall and F1 of each superclass, means over seeds."""
    columns = ("arm", *(f"recall {c}" for c in SUPERCLASSES), *(f"F1 {c}" for c in SUPERCLASSES))
    rows = tuple(
        (
            str(row["arm"]),
            *(number(row[f"{metric}_{c}"], 3) for metric in ("recall", "f1") for c in SUPERCLASSES),
        )
        for row in scores.to_dict("records")
    )
    return ResultTable("By superclass", columns, rows, "At calibrated thresholds.")


def selection_table(cells: Sequence[FinishedCell]) -> ResultTable:
    """What each arm selected in the epochs in which it selects, means over seeds."""
    rows = []
    for arm, own in arms_of(cells).items():
        epochs = pd.concat([cell.epochs for cell in own])
        records = epochs["trained"].max()
        selecting = epochs[epochs["phase"].isin(["undecided", "filtered"])]
        if selecting.empty:
            continue
        last = pd.concat([cell.epochs.tail(1) for cell in own])
        shares = (selecting[name].mean() / records for name in ("candidates", "kept", "dropped", "rescued"))
        zero = pd.to_numeric(selecting["zero_maps"]).mean()
        same = pd.to_numeric(selecting["same_as_before"]).mean()
        rows.append(
            (
                arm,
                f"{len(selecting) / len(own):g}",
                *(number(share, 3) for share in shares),
                number(zero, 4),
                number(same, 3),
                number(last["never_kept"].mean(), 1),
            )
        )
    columns = ("arm", "epochs that select", "candidates", "kept", "dropped", "rescued")
    more = ("all-zero maps", "same as the epoch before", "records never kept")
    note = (
        "Shares of the training records; an arm without a filter drops nothing, because its candidates are all kept."
        " Same as the epoch before: Jaccard index of the records that two epochs in a row train on."
    )
    return ResultTable("What was selected", (*columns, *more), tuple(rows), note)


def settings_table(cells: Sequence[FinishedCell]) -> ResultTable:
    """The settings of each arm, with those that all share."""
    blocks = {
        arm: {
            **flatten({name: own[0].content["cell"][name] for name in ("backbone", "preset", "selection")}),
            "seeds": [cell.seed for cell in own],
        }
        for arm, own in arms_of(cells).items()
    }
    keys = dict.fromkeys(key for block in blocks.values() for key in block if key != "selection/sizes")
    rows = tuple((key, *(_text(block.get(key)) for block in blocks.values())) for key in keys)
    return ResultTable("Settings", ("setting", *blocks), rows)


def detection_table(cells: Sequence[FinishedCell]) -> ResultTable | None:
    """How well each arm finds contaminated records; None where nothing was contaminated."""
    found = {
        arm: pd.DataFrame([cell.content["detection"] for cell in own])
        for arm, own in arms_of(cells).items()
        if own[0].content.get("detection")
    }
    if not found:
        return None
    rows = tuple(
        (text, *(number(pd.to_numeric(of_arm[key]).mean(), 3) for of_arm in found.values()))
        for key, text in DETECTORS.items()
    )
    counts = tuple(
        (f"candidates, {text}", *(f"{of_arm[key].mean():.0f}" for of_arm in found.values()))
        for key, text in {
            "candidates": "all",
            "candidates_noisy": "noisy",
            "candidates_flipped": "with wrong labels",
        }.items()
    )
    note = (
        "Area under the ROC curve, against clean records; 0.5 is chance. What the filter dropped and focus are judged"
        " among records that were ever candidates, difficulty (mean of one minus the confidence) among all."
    )
    return ResultTable(
        "Contaminated records found", ("what is found, and by what", *found), (*rows, *counts), note
    )


def won_back(scores: pd.DataFrame, reference: str) -> tuple[str, ...]:
    """What contamination cost the reference, and how much of it each arm won back, in sentences."""
    f1 = scores.set_index("arm")["f1_macro"]
    if CLEAN not in f1 or reference not in f1:
        return ()
    lost = f1[CLEAN] - f1[reference]
    sentence = f"Contamination cost {reference} {lost:.4f} macro-F1."
    if lost < LEAST_LOST:
        return (f"{sentence} That is below {LEAST_LOST}, so what the others won back is not evaluable.",)
    others = [arm for arm in f1.index if arm not in (CLEAN, reference)]
    return (sentence, *(f"{arm} won back {f1[arm] - f1[reference]:+.4f} of it." for arm in others))


def terminal_rows(scores: pd.DataFrame) -> list[Mapping[str, str]]:
    """The columns that fit a terminal."""
    return [
        {
            "arm": str(row["arm"]),
            "seeds": str(row["seeds"]),
            "macro-F1": with_interval(row["f1_macro"], (row["f1_macro_low"], row["f1_macro_high"])),
            "difference": ""
            if np.isnan(row.get("f1_macro_difference", np.nan))
            else f"{row['f1_macro_difference']:+.4f}"
            f" ({row['f1_macro_difference_low']:+.4f} to {row['f1_macro_difference_high']:+.4f})",
            "macro-AUROC": number(row["auroc_macro"]),
            "effective epochs": number(row["effective_epochs"], 2),
            "forward-equivalents, epochs": number(epochs_worth(row["forward_equivalents"]), 2),
            "processor minutes": number(row["processor_minutes"], 2),
            "wall minutes": number(row["wall_minutes"], 2),
        }
        for row in scores.to_dict("records")
    ]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
