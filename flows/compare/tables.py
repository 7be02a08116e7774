"""The tables of a comparison, for its page and for the terminal."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flows.compare.cells import CLEAN, FORWARDS_PER_EPOCH
from flows.compare.ledger import FinishedCell
from flows.compare.scores import arms_of, epochs_worth
from flows.report.result_table import ResultTable
from flows.report.texts import listed, number, signed, with_interval
from flows.tracking.content import flatten
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.exclusion import is_excluded

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
    """Quality and cost of each arm; the three costs side by side."""
    rows = [
        (
            str(row["arm"]),
            str(row["seeds"]),
            with_interval(row["f1_macro"], (row["f1_macro_low"], row["f1_macro_high"])),
            number(row["f1_macro_seed_sd"]),
            _short_difference(row),
            number(row["auroc_macro"]),
            number(row["effective_epochs"], 2),
            *_costs(row),
        )
        for row in scores.to_dict("records")
    ]
    columns = (
        *("arm", "seeds", "macro-F1", "sd of seeds", f"difference to {reference}"),
        *("macro-AUROC", "effective epochs", "forward-equivalents, epochs"),
        *("processor minutes", "wall minutes"),
    )
    note = (
        "Test records, thresholds from validation. Intervals: patients drawn with replacement, seeds averaged;"
        " differences are of the same draws and seeds. Effective epochs: records trained on over those there are."
        " Forward-equivalents: all passes, a backward pass counted as two, in epochs on all records, which are"
        f" {FORWARDS_PER_EPOCH} of them per record. In brackets after a cost: the same over that of {reference}."
        " Minutes are of this machine, validation after each epoch included."
    )
    if fewer := _paired_on_fewer(scores):
        note += (
            f" Differences and ratios are of the seeds that {reference} has, too, so that they can deviate from what"
            f" the means say: {listed([f'{count} of {arm}' for arm, count in fewer.items()])}."
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
    """What each arm selected in the epochs that leave records out, means over seeds; arms without such are left out."""
    rows = []
    for arm, own in arms_of(cells).items():
        epochs = pd.concat([cell.epochs for cell in own])
        records = len(own[0].arrays["kept"])
        selecting = epochs[
            epochs["phase"].isin(["undecided", "filtered"])
            & ((epochs["trained"] < records) | (epochs["dropped"] > 0))
        ]
        if selecting.empty:
            continue
        shares = (selecting[name].mean() / records for name in ("candidates", "kept", "dropped", "rescued"))
        rows.append(
            (
                arm,
                f"{len(selecting) / len(own):.3g}",
                *(number(share, 3) for share in shares),
                number(pd.to_numeric(selecting["zero_maps"]).mean(), 4),
                number(pd.to_numeric(selecting["same_as_before"]).mean(), 3),
                number(_always_dropped(own), 3),
                number(float(np.mean([(cell.arrays["kept"] == 0).mean() for cell in own])), 3),
            )
        )
    columns = ("arm", "epochs that select", "candidates", "kept", "dropped", "rescued")
    more = ("all-zero maps", "same as the epoch before", "always dropped", "never kept")
    note = (
        "Shares of the training records, means over the epochs that leave some out. What an arm without a filter leaves"
        " out was no candidate, so that it drops nothing. Always dropped: whenever the filter judged them, and at least"
        " once. Never kept: in no epoch of the whole run, those on all records included. All-zero maps: of all maps."
        " Same as the epoch before: Jaccard index of the records that two epochs in a row train on."
    )
    return ResultTable("What was selected", (*columns, *more), tuple(rows), note)


def settings_table(cells: Sequence[FinishedCell]) -> ResultTable:
    """The settings of each arm; where its seeds differ, as in what another arm's cost decides, those of each seed."""
    blocks = {arm: _settings(own) for arm, own in arms_of(cells).items()}
    keys = dict.fromkeys(key for block in blocks.values() for key in block)
    rows = tuple((key, *(block.get(key, "") for block in blocks.values())) for key in sorted(keys))
    rows = tuple(row for row in rows if any(row[1:]))
    note = "With semicolons between them: of each seed in turn, where they differ."
    differ = any(";" in cell for row in rows for cell in row[1:])
    return ResultTable("Settings", ("setting", *blocks), rows, note if differ else "")


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
        " among records that the filter ever judged, difficulty (mean of one minus the confidence) among all."
    )
    return ResultTable(
        "Contaminated records found", ("what is found, and by what", *found), (*rows, *counts), note
    )


def won_back(scores: pd.DataFrame, reference: str) -> tuple[str, ...]:
    """What contamination cost the reference, and how much of it each arm won back, in sentences."""
    arms = scores.set_index("arm")
    if CLEAN not in arms.index or reference not in arms.index:
        return ()
    lost = arms["f1_macro_difference"].to_dict()[CLEAN]  # of the seeds that both have
    if np.isnan(lost):
        return (f"{CLEAN} has no seed that {reference} has, too, so that no loss is evaluable.",)
    sentence = f"Contamination cost {reference} {lost:.4f} macro-F1."
    if lost < LEAST_LOST:
        return (f"{sentence} That is below {LEAST_LOST}, so what the others won back is not evaluable.",)
    return (
        sentence,
        *(_won_back(row) for row in scores.to_dict("records") if row["arm"] not in (CLEAN, reference)),
    )


def _won_back(row: Mapping[Hashable, Any]) -> str:
    """Of the seeds and draws that the arm shares with the reference."""
    if not _is_paired(row):
        return f"{row['arm']} has no seed that the reference has, too."
    found = f"{abs(row['f1_macro_difference']):.4f}"
    interval = _difference(row)[1]
    if row["f1_macro_difference"] < 0:
        return f"{row['arm']} lost another {found} (difference {interval})."
    return f"{row['arm']} won back {found} of it (difference {interval})."


def terminal_rows(scores: pd.DataFrame) -> list[Mapping[str, str]]:
    """The columns that fit a terminal."""
    rows: list[Mapping[str, str]] = []
    for row in scores.to_dict("records"):
        difference, interval = _difference(row)
        forwards, processor, wall = _costs(row)
        rows.append(
            {
                "arm": str(row["arm"]),
                "seeds": str(row["seeds"]),
                "macro-F1": with_interval(row["f1_macro"], (row["f1_macro_low"], row["f1_macro_high"])),
                "difference": f"{difference} ({interval})" if difference else "",
                "macro-AUROC": number(row["auroc_macro"]),
                "effective epochs": number(row["effective_epochs"], 2),
                "forward-equivalents, epochs": forwards,
                "processor minutes": processor,
                "wall minutes": wall,
            }
        )
    return rows


def _is_paired(row: Mapping[Hashable, Any]) -> bool:
    return not np.isnan(row.get("f1_macro_difference", np.nan))


def _paired_on_fewer(scores: pd.DataFrame) -> dict[str, int]:
    """The arms whose difference leaves out seeds of their own or of another arm, with the seeds that it is of."""
    if "paired_seeds" not in scores:
        return {}
    fewer = scores[scores["paired_seeds"] < scores["seeds"].max()]
    return {str(arm): int(seeds) for arm, seeds in zip(fewer["arm"], fewer["paired_seeds"], strict=True)}


def _difference(row: Mapping[Hashable, Any]) -> tuple[str, str]:
    """The difference to the reference, and its interval; empty where there is none."""
    if not _is_paired(row):
        return "", ""
    low, high = row["f1_macro_difference_low"], row["f1_macro_difference_high"]
    return f"{row['f1_macro_difference']:+.4f}", f"{low:+.4f} to {high:+.4f}"


def _short_difference(row: Mapping[Hashable, Any]) -> str:
    """Both in one cell."""
    if not _is_paired(row):
        return ""
    low, high = row["f1_macro_difference_low"], row["f1_macro_difference_high"]
    return signed(row["f1_macro_difference"], low, high)


def _costs(row: Mapping[Hashable, Any]) -> tuple[str, str, str]:
    """Forward-equivalents, processor and wall minutes, each with its ratio to the reference in brackets."""
    values = {
        "forward_equivalents": epochs_worth(row["forward_equivalents"]),
        "processor_minutes": row["processor_minutes"],
        "wall_minutes": row["wall_minutes"],
    }
    ratios = {name: number(row.get(f"{name}_ratio"), 2) for name in values}
    forwards, processor, wall = (
        f"{number(value, 2)} ({ratios[name]})" if ratios[name] else number(value, 2)
        for name, value in values.items()
    )
    return forwards, processor, wall


def _always_dropped(own: Sequence[FinishedCell]) -> float:
    """Share of the training records that a filter judged, and dropped every time; NaN for an arm without a filter."""
    if not any(cell.arrays["dropped"].any() for cell in own):
        return float("nan")
    shares = [is_excluded(cell.arrays["dropped"], cell.arrays["considered"]).mean() for cell in own]
    return float(np.mean(shares))


def _settings(own: Sequence[FinishedCell]) -> dict[str, str]:
    """Of all seeds of an arm, as text; the many numbers of records per epoch as their range."""
    by_seed = []
    for cell in own:
        settings = flatten({name: cell.content["cell"][name] for name in ("backbone", "preset", "selection")})
        if sizes := settings.get("selection/sizes"):
            settings["selection/sizes"] = f"{min(sizes)} to {max(sizes)}"
        by_seed.append({key: _text(value) for key, value in settings.items()})
    keys = dict.fromkeys(key for settings in by_seed for key in settings)
    merged = {}
    for key in keys:
        values = [settings.get(key, "") for settings in by_seed]
        merged[key] = values[0] if len(set(values)) == 1 else "; ".join(values)
    return {**merged, "seeds": ", ".join(str(cell.seed) for cell in own)}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
