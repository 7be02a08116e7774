"""What the tables of counterfactuals amount to, in sentences made from their numbers."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from veribeat.counterfactual.published import THRESHOLDS

BY_CONSTRUCTION = ("original", "sparse")
"""Methods that can always fall back on a prototype, which is predicted exactly."""

BEST: Mapping[str, Callable[[pd.Series], float]] = {
    "validity": max,
    "share_changed": min,
    "noise_stability": max,
    "target_margin": max,
}
"""Metrics that have a winner, and which value wins."""

UNIT_NOT_PRINTED = ("mean_abs_mv", "rms_mv")
"""Beside the paper's in the tables, but no difference is claimed."""

NOTABLE = 0.05
"""A difference from [CF] beyond this is reported."""

LARGEST_SHOWN = 3
FEW_CANDIDATES = 30
"""[CF] calls its 23 candidates of HYP too few."""

NOISY_ATTRIBUTION = 0.25
"""Relative Monte-Carlo error."""

RELIABLE_RULE = 0.95
"""Mean precision."""


def discussion(
    table_3: pd.DataFrame,
    table_4: pd.DataFrame,
    prototypes: Mapping[str, int],
    candidates: Mapping[str, int],
    attribution_error: float | None,
    rule_precision: float | None,
) -> list[str]:
    """Return the sentences that the numbers support, and none where there is no number.

    Args:
        table_3: from `tables.table_3`.
        table_4: from `tables.table_4`.
        prototypes: how many each superclass has.
        candidates: from how many records they were chosen, by superclass.
        attribution_error: median Monte-Carlo error of the attributions, relative; None or NaN without any.
        rule_precision: mean precision of the rules on the third draw; None or NaN without any.
    """
    return [
        *_winners(table_3),
        *_by_construction(table_3),
        *_weakest_targets(table_4),
        *_uneven_mix(table_3),
        *_differences_of_means(table_3),
        *_differences_by_target(table_4),
        *_impossible_margins(table_4),
        *_padding(table_3),
        *_few_prototypes(prototypes, candidates),
        *_attributions(attribution_error),
        *_rules(rule_precision),
    ]


def _winners(table_3: pd.DataFrame) -> list[str]:
    """Methods whose figures agree to three decimals share the first place; where all share it, none has won."""
    parts = []
    for metric, best_of in BEST.items():
        rows = table_3[(table_3["metric"] == metric) & table_3["macro"].notna()]
        if len(rows):
            best = best_of(rows["macro"])
            winners = rows.loc[(rows["macro"] - best).abs() < 0.0005, "method"]
            if len(winners) < len(rows):
                parts.append(f"{_plain(metric)} {_listed(winners)} ({best:.3f})")
    return [f"Best on average over targets: {'; '.join(parts)}."] if parts else []


def _by_construction(table_3: pd.DataFrame) -> list[str]:
    rows = table_3[(table_3["metric"] == "validity") & table_3["method"].isin(BY_CONSTRUCTION)]
    rows = rows[rows["n"] > 0]
    certain, failed = rows[rows["micro"] == 1], rows[rows["micro"] < 1]
    sentences = []
    if len(certain):
        sentences.append(
            f"Validity of {_listed(certain['method'])} is 1 by construction: a prototype is predicted exactly."
        )
    sentences += [
        f"Validity of {_plain(method)} should be 1 by construction and is {validity:.3f}: "
        "check that the prototypes are of this classifier."
        for method, validity in zip(failed["method"], failed["micro"], strict=True)
    ]
    return sentences


def _weakest_targets(table_4: pd.DataFrame) -> list[str]:
    """One sentence per method that can fail; with a single target there is nothing to rank."""
    found = table_4[(table_4["metric"] == "validity") & (table_4["n"] > 0)]
    sentences = []
    for name, rows in found.groupby("method", sort=False):
        method = str(name)
        if method in BY_CONSTRUCTION or len(rows) < 2:
            continue
        rows = rows.sort_values("ours", kind="stable")
        failing = rows[rows["ours"] < 0.5]
        best = f"it does best for {_valid(rows.iloc[-1])}"
        if len(failing):
            named = ", ".join(_valid(row) for _, row in failing.iterrows())
            sentences.append(f"{_plain(method).capitalize()} fails more often than not for {named}; {best}.")
        else:
            sentences.append(
                f"{_plain(method).capitalize()} reaches every target more often than not; "
                f"it does worst for {_valid(rows.iloc[0])}, {best}."
            )
    return sentences


def _valid(row: pd.Series) -> str:
    return f"{row['target']} ({row['ours']:.3f} of {row['n']} valid)"


def _uneven_mix(table_3: pd.DataFrame) -> list[str]:
    rows = table_3[(table_3["metric"] == "validity") & table_3["macro"].notna()]
    rows = rows[(rows["paper"] - rows["paper_macro"]).abs() > NOTABLE]
    return [
        f"[CF]'s validity of {row['paper']:.3f} for {_plain(row['method'])} is a mean over an uneven mix of targets: "
        f"over {row['targets']} with equal weights its Table 4 gives {row['paper_macro']:.3f}, ours {row['macro']:.3f}."
        for _, row in rows.iterrows()
    ]


def _differences_of_means(table_3: pd.DataFrame) -> list[str]:
    """Macro means for the metrics of the paper's Table 4, micro means for the others."""
    table_3 = table_3[~table_3["metric"].isin(UNIT_NOT_PRINTED)]
    has_macro = table_3["paper_macro"].notna()
    compared = pd.DataFrame(
        {
            "cell": [
                _plain(f"{metric} of {method}")
                for metric, method in zip(table_3["metric"], table_3["method"], strict=True)
            ],
            "ours": table_3["macro"].where(has_macro, table_3["micro"]),
            "paper": table_3["paper_macro"].where(has_macro, table_3["paper"]),
        }
    )
    return _differences(compared, "means of [CF] (over targets where Table 4 has them, else of Table 3)")


def _differences_by_target(table_4: pd.DataFrame) -> list[str]:
    cells = zip(table_4["metric"], table_4["method"], table_4["target"], strict=True)
    compared = table_4.assign(
        cell=[f"{_plain(metric)} of {_plain(method)} for {target}" for metric, method, target in cells]
    )
    return _differences(compared, "cells of [CF]'s Table 4")


def _differences(compared: pd.DataFrame, what: str) -> list[str]:
    """One sentence on rows with the columns cell, ours and paper, the largest differences by name."""
    both = compared.dropna(subset=["ours", "paper"])
    difference = both["ours"] - both["paper"]
    far = both[difference.abs() > NOTABLE]
    if both.empty:
        return []
    if far.empty:
        return [f"All {len(both)} {what} agree with ours within {NOTABLE}."]
    order = np.argsort(-difference[far.index].abs().to_numpy(), kind="stable")[:LARGEST_SHOWN]
    largest = [
        f"{row['cell']} {row['ours']:.3f}, not {row['paper']:.3f} ({row['ours'] - row['paper']:+.3f})"
        for _, row in far.iloc[order].iterrows()
    ]
    return [
        f"Of {len(both)} {what}, {len(far)} differ from ours by more than {NOTABLE}, most of all {'; '.join(largest)}."
    ]


def _impossible_margins(table_4: pd.DataFrame) -> list[str]:
    largest = 1 - min(THRESHOLDS.values())
    rows = table_4[(table_4["metric"] == "predicted_margin") & table_4["ours"].notna()]
    beyond = rows.loc[rows["paper"] > largest, "target"].drop_duplicates()
    if beyond.empty:
        return []
    return [
        f"[CF]'s largest margins for {_listed(beyond)} cannot be reproduced: "
        f"with its thresholds p - t is {largest:.3f} at most."
    ]


def _padding(table_3: pd.DataFrame) -> list[str]:
    rows = table_3.pivot(index="method", columns="metric", values="micro")
    means = rows.reindex(columns=["temporal_stability", "shift_kept"]).dropna()
    if len(means) < 2:
        return []
    steady, kept = (str(method) for method in means.idxmax())
    shifts = means["shift_kept"]
    if shifts[steady] == shifts[kept]:
        return []
    return [
        f"Temporal stability favours {_plain(steady)} ({means['temporal_stability'].max():.3f}), "
        f"but {_plain(kept)} keeps its prediction under more shifts ({shifts[kept]:.3f}, not {shifts[steady]:.3f}): "
        "the formula compares a signal with itself and never asks the model, so padding, which is flat, raises it."
    ]


def _few_prototypes(prototypes: Mapping[str, int], candidates: Mapping[str, int]) -> list[str]:
    missing = [name for name, count in prototypes.items() if count == 0]
    few = [
        f"{name} ({prototypes[name]} from {candidates[name]})"
        for name in prototypes
        if prototypes[name] > 0 and candidates[name] < FEW_CANDIDATES
    ]
    sentences = []
    if missing:
        sentences.append(f"No counterfactual is towards {_listed(missing)}: there is no prototype.")
    if few:
        sentences.append(
            f"Prototypes were chosen from fewer than {FEW_CANDIDATES} records for {', '.join(few)}."
        )
    return sentences


def _attributions(error: float | None) -> list[str]:
    if error is None or np.isnan(error):
        return []
    advice = ": read regions of a map, not single samples" if error > NOISY_ATTRIBUTION else ""
    return [f"The median Monte-Carlo error of the attributions is {100 * error:.0f} % of their size{advice}."]


def _rules(precision: float | None) -> list[str]:
    if precision is None or np.isnan(precision):
        return []
    verdict = "hold" if precision >= RELIABLE_RULE else "do not hold reliably"
    return [
        f"On draws that they were not made from, rules {verdict}: {100 * precision:.1f} % keep the prediction."
    ]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: Iterable[str]) -> str:
    """The names, with commas and a last "and"."""
    *first, last = (_plain(name) for name in names)
    return f"{', '.join(first)} and {last}" if first else last
