"""Updates of a model over time: scores, drift, and what was not used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, add_banner, drawing, new_figure

REFERENCE: Final = SUPERCLASS_COLOURS["NORM"]
UNSEEN: Final = SUPERCLASS_COLOURS["MI"]
NEW: Final = SUPERCLASS_COLOURS["STTC"]

DRIFTED: Final = 0.2
"""Population stability index at which the colours end: what is called a drift by custom."""


@dataclass(frozen=True)
class UpdatePoint:
    """One update: its name, whether it was accepted, and macro-F1 by (set, model), as far as there is any."""

    name: str
    accepted: bool
    f1_macro: Mapping[tuple[str, str], float]


def scores_over_updates(points: Sequence[UpdatePoint], banner: str | None = None) -> Figure:
    """Macro-F1 of champion (small) and challenger (large; hollow where it was refused), update by update."""
    with drawing():
        figure = new_figure(6.4, 3.6)
        axes = figure.subplots()
        places = {point.name: place for place, point in enumerate(points)}
        for kind, colour in (("reference", REFERENCE), ("unseen", UNSEEN), ("new", NEW)):
            model = "champion" if kind == "new" else "challenger"
            shown = [point for point in points if (kind, model) in point.f1_macro]
            for point in shown:
                face = colour if point.accepted or kind == "new" else "white"
                axes.plot(
                    places[point.name],
                    point.f1_macro[kind, model],
                    "D" if kind == "new" else "o",
                    color=colour,
                    markerfacecolor=face,
                    markersize=6,
                )
                if kind != "new" and (kind, "champion") in point.f1_macro:
                    before = point.f1_macro[kind, "champion"]
                    axes.plot(
                        [places[point.name]] * 2,
                        [before, point.f1_macro[kind, model]],
                        color=colour,
                        linewidth=1,
                    )
                    axes.plot(places[point.name], before, "_", color=colour, markersize=9)
            label = {
                "reference": "reference: challenger, a dash for the champion",
                "unseen": "unseen: the same",
                "new": "new batch: the champion, before it has learnt from it",
            }[kind]
            axes.plot([], [], "D" if kind == "new" else "o", color=colour, label=label)
        axes.set_xticks(range(len(points)), [point.name for point in points])
        axes.set_xlabel("update; hollow: refused")
        axes.set_ylabel("macro-F1")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=1)
        add_banner(figure, banner)
    return figure


def drift_map(table: pd.DataFrame, banner: str | None = None) -> Figure:
    """A heat map of how far each feature has moved in each update, a cross where it counts as drift.

    Args:
        table: a row per feature and update: update, feature, effect (stability index less what chance makes of it, the
            largest over devices), drifted.
        banner: a line above the figure.
    """
    features, updates = list(dict.fromkeys(table["feature"])), sorted(set(table["update"]))
    values = np.full((len(features), len(updates)), np.nan)
    marked = np.zeros_like(values, dtype=bool)
    for update, feature, effect, drifted in table[["update", "feature", "effect", "drifted"]].itertuples(
        index=False, name=None
    ):
        place = features.index(feature), updates.index(update)
        values[place], marked[place] = effect, drifted
    with drawing():
        figure = new_figure(2.4 + 0.5 * len(updates), 1.2 + 0.24 * len(features))
        axes = figure.subplots()
        image = axes.imshow(values, cmap="Greys", vmin=0, vmax=2 * DRIFTED, aspect="auto")
        for row, column in zip(*np.nonzero(marked), strict=True):
            axes.plot(column, row, "x", color=SUPERCLASS_COLOURS["MI"], markersize=7, markeredgewidth=2)
        axes.grid(visible=False)
        axes.set_xticks(range(len(updates)), updates)
        axes.set_yticks(range(len(features)), features)
        axes.set_xlabel("update; a cross: drift")
        figure.colorbar(image, ax=axes, label="stability index", extend="max")
        add_banner(figure, banner)
    return figure


def unused_shares(shares: pd.DataFrame, excluded: pd.Series, banner: str | None = None) -> Figure:
    """Stacked shares of each update's records that were quarantined, by reason, and the share the selection excluded.

    Args:
        shares: index update, a column per reason, shares (0-1) of the update's records.
        excluded: index update, share (0-1) of the training records; NaN where nothing was trained.
        banner: a line above the figure.
    """
    with drawing():
        figure = new_figure(6.4, 3.2)
        axes = figure.subplots()
        bottom = np.zeros(len(shares))
        colours = [*SUPERCLASS_COLOURS.values(), "#56B4E9", GREY]
        for place, reason in enumerate(shares.columns):
            values = 100 * shares[reason].to_numpy(dtype=np.float64)
            axes.bar(
                range(len(shares)),
                values,
                0.5,
                bottom=bottom,
                color=colours[place % len(colours)],
                label=reason,
            )
            bottom += values
        axes.plot(
            range(len(shares)),
            100 * excluded.reindex(shares.index).to_numpy(dtype=np.float64),
            "k_",
            markersize=16,
            label="of the training records: excluded by the selection",
        )
        axes.set_xticks(range(len(shares)), list(shares.index))
        axes.set_xlabel("update")
        axes.set_ylabel("% of the records")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
        add_banner(figure, banner)
    return figure
