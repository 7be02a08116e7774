"""The figures of the retraining page."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flows.report.figures import Picture, stored_picture
from flows.retrain.findings import SETS, Findings
from flows.workspace import Workspace
from veribeat.plots.retraining import (
    UpdatePoint,
    drift_over_updates,
    scores_over_updates,
    unused_over_updates,
)
from veribeat.plots.style import SIMULATED_BANNER, save_png

MOST_DRAWN = 60
"""Updates, the last ones; more would be too narrow to be told apart."""


def retraining_pictures(found: Sequence[Findings], place: Workspace) -> dict[str, Picture]:
    """By name: scores, drift, unused; what there is nothing for is left out."""
    params = place.params()
    banner = SIMULATED_BANNER if params.cohort.simulated else None
    drawn = found[-MOST_DRAWN:]
    only = f" The last {MOST_DRAWN} updates." if len(found) > MOST_DRAWN else ""
    pictures = {}
    if any(each.meetings for each in drawn):
        pictures["scores"] = _picture(
            scores_over_updates(
                [_point(each) for each in drawn],
                {name: name != "new" for name in SETS},
                "macro-F1",
                banner,
            ),
            f"Macro-F1 of champion and challenger at updates {_span(drawn)} on reference and unseen records, and of"
            " the champion on new records: the numbers of the table 'Macro-F1'.",
            "Macro-F1 by update. Bars: interval of the difference, set on the champion. On new records: the champion"
            f" before it learnt from them.{only}",
        )
    psi, drifted = drift_tables(drawn)
    if len(psi):
        marked = [f"{feature} at {name}" for name in drifted for feature in drifted.index[drifted[name]]]
        pictures["drift"] = _picture(
            drift_over_updates(psi, drifted, params.retrain.drift.psi_limit, banner),
            f"Heat map of the population stability index of {len(psi)} features at updates {_span(drawn)};"
            f" drifted: {', '.join(marked) or 'none'}.",
            "Population stability index, the largest over devices and batches; framed: drifted. A large index alone is"
            f" no drift where records are few.{only}",
        )
    if any(each.screened for each in drawn) or any(each.excluded for each in drawn):
        shares = quarantined_shares(drawn)
        came = [bool(each.screened) for each in drawn]
        totals = [f"{name} {share:.1%}" for name, share in shares.sum(axis=1)[came].items()]
        pictures["unused"] = _picture(
            unused_over_updates(
                shares,
                came,
                [each.excluded for each in drawn],
                params.retrain.most_quarantined,
                banner,
            ),
            f"Bars per update: share of the new records quarantined ({', '.join(totals) or 'none'}), by reason;"
            " below, share of the training records excluded by the selection.",
            f"What was not learnt from, by update.{only}",
        )
    return pictures


def drift_tables(found: Sequence[Findings]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The largest index and whether anything drifted: a row per feature, a column per update."""
    names = [each.update.name for each in found]
    tables = {
        each.update.name: pd.concat([screened.drift for screened in each.screened])
        for each in found
        if each.screened
    }
    features = list(dict.fromkeys(name for table in tables.values() for name in table["feature"]))
    psi = pd.DataFrame(np.nan, index=features, columns=names)
    drifted = pd.DataFrame(False, index=features, columns=names)
    for name, table in tables.items():
        groups = table.groupby("feature", sort=False)
        psi[name] = groups["psi"].max().reindex(features)
        drifted[name] = groups["drifted"].any().reindex(features, fill_value=False)
    return psi, drifted


def quarantined_shares(found: Sequence[Findings]) -> pd.DataFrame:
    """A row per update, a column per reason: shares of the records that came; zero where none was screened."""
    reasons = list(dict.fromkeys(reason for each in found for reason in each.quarantined))
    rows = {}
    for each in found:
        came = sum(screened.records for screened in each.screened)
        counts = each.quarantined
        rows[each.update.name] = [counts.get(reason, 0) / max(came, 1) for reason in reasons]
    return pd.DataFrame.from_dict(rows, orient="index", columns=reasons, dtype=np.float64)


def _point(each: Findings) -> UpdatePoint:
    decision = each.update.decision
    meetings = each.meetings
    return UpdatePoint(
        name=each.update.name,
        champion={name: met.champion for name, met in meetings.items() if np.isfinite(met.champion)},
        challenger={name: met.challenger for name, met in meetings.items() if np.isfinite(met.challenger)},
        interval={
            name: (met.low, met.high)
            for name, met in meetings.items()
            if np.isfinite([met.low, met.high]).all()
        },
        accepted=decision is not None and decision.accepted,
        rollback=decision.release if decision is not None and each.update.kind == "rollback" else None,
    )


def _span(found: Sequence[Findings]) -> str:
    first, last = found[0].update.name, found[-1].update.name
    return first if first == last else f"{first} to {last}"


def _picture(figure: Figure, text: str, caption: str) -> Picture:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "figure.png"
        save_png(figure, file)
        return stored_picture(file, text, caption)
