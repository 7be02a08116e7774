"""Updates of a model, one after the other: its scores, the drift of new records, and what was not learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from veribeat.plots.losses import ARM_COLOURS
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

CHAMPION_COLOUR: Final = "#000000"
CHALLENGER_COLOUR: Final = "#D55E00"
ROLLBACK_COLOUR: Final = "#0072B2"
MISSING_COLOUR: Final = "#F0F0F0"
SHARE_COLOURS: Final = (*ARM_COLOURS[1:], GREY)

FEW: Final = 12
"""Updates up to which a figure is narrow, and names each of them."""

MOST_REASONS: Final = 6
"""Reasons that have a colour of their own."""

OTHER_REASONS: Final = "other reasons"


@dataclass(frozen=True)
class UpdatePoint:
    """An update in the figure of scores; sets of records that it has no score of are left out."""

    name: str
    champion: Mapping[str, float]
    challenger: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]]
    """Of the difference, challenger minus champion."""
    accepted: bool
    rollback: str | None
    """The release that was put back."""


def scores_over_updates(
    points: Sequence[UpdatePoint], sets: Mapping[str, bool], quality: str, banner: str | None = None
) -> Figure:
    """Draw a panel per set of records: the champion, and the challenger, filled where it was accepted.

    Args:
        points: updates in order.
        sets: name of a set -> whether the challenger is drawn there.
        quality: name of the score.
        banner: a line above the figure, such as "simulated cohort".
    """
    with drawing():
        figure = new_figure(_width(len(points)), 0.9 + 1.75 * len(sets))
        panels = figure.subplots(len(sets), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, (name, both) in zip(panels, sets.items(), strict=True):
            places = [place for place, point in enumerate(points) if name in point.champion]
            values = [points[place].champion[name] for place in places]
            axes.plot(
                places, values, color=CHAMPION_COLOUR, marker="o", markersize=4.5, linewidth=1, zorder=3
            )
            for place, point in enumerate(points):
                if point.rollback is not None:
                    axes.axvline(place, color=ROLLBACK_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
                elif both and name in point.challenger:
                    _challenger(axes, place, point, name, markersize=6 if len(points) <= FEW else 4)
            axes.set_title(f"{name} records", fontsize=9)
            if not places and not any(both and name in point.challenger for point in points):
                axes.text(0.5, 0.5, "no score yet", transform=axes.transAxes, ha="center", color=GREY)
        for place, point in enumerate(points):
            if point.rollback is not None:
                _say(panels[0], place, f"back to {point.rollback}", ROLLBACK_COLOUR)
        _name_updates(panels[-1], [point.name for point in points])
        figure.supylabel(quality, fontsize=9)
        figure.legend(handles=_legend(points), loc="outside lower center", ncols=2)
        add_banner(figure, banner)
    return figure


def _challenger(axes: Axes, place: int, point: UpdatePoint, name: str, markersize: float) -> None:
    beside = place + 0.12  # of the champion, which it would cover
    if name in point.interval and name in point.champion:
        ends = [point.champion[name] + end for end in point.interval[name]]
        axes.plot((beside, beside), ends, color=CHALLENGER_COLOUR, linewidth=1.2, alpha=0.6)
    axes.plot(
        beside,
        point.challenger[name],
        color=CHALLENGER_COLOUR,
        marker="D",
        markersize=markersize,
        markerfacecolor=CHALLENGER_COLOUR if point.accepted else "white",
        zorder=4,
    )


def _legend(points: Sequence[UpdatePoint]) -> list[Line2D]:
    def marked(label: str, face: str) -> Line2D:
        return Line2D(
            [], [], color=CHALLENGER_COLOUR, marker="D", linestyle="", markerfacecolor=face, label=label
        )

    handles = [
        Line2D([], [], color=CHAMPION_COLOUR, marker="o", markersize=4.5, linewidth=1, label="champion"),
        marked("challenger, accepted", CHALLENGER_COLOUR),
        marked("challenger, refused", "white"),
    ]
    if any(point.rollback is not None for point in points):
        handles.append(
            Line2D([], [], color=ROLLBACK_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)), label="rollback")
        )
    return handles


def drift_over_updates(
    psi: pd.DataFrame, drifted: pd.DataFrame, limit: float, banner: str | None = None
) -> Figure:
    """Draw a heat map of the population stability index, and frame the cells that count as drifted.

    Args:
        psi: a row per feature and a column per update; NaN where it was not measured, which is grey.
        drifted: the same rows and columns.
        limit: the least index that counts; colours end at twice as much.
        banner: a line above the figure, such as "simulated cohort".
    """
    values = psi.to_numpy(dtype=np.float64)
    rows, columns = values.shape
    highest = 2 * limit or 0.4
    with drawing():
        figure = new_figure(_width(columns), 1.5 + 0.22 * rows)
        axes = figure.add_subplot()
        axes.set_facecolor(MISSING_COLOUR)
        image = axes.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=highest, aspect="auto")
        for row, column in np.argwhere(drifted.to_numpy(dtype=np.bool_)):
            corner = (float(column) - 0.44, float(row) - 0.44)
            axes.add_patch(
                Rectangle(corner, 0.88, 0.88, fill=False, edgecolor=CHALLENGER_COLOUR, linewidth=1.6)
            )
        if columns <= FEW:
            for (row, column), value in np.ndenumerate(values):
                if np.isfinite(value):
                    colour = "white" if value > 0.6 * highest else "black"
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
        axes.set_yticks(range(rows), [str(name) for name in psi.index])
        _name_updates(axes, [str(name) for name in psi.columns])
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_title("Drift of new records")
        bar = figure.colorbar(image, ax=axes, extend="max", aspect=30, pad=0.02)
        bar.set_label("population stability index", fontsize=8)
        bar.outline.set_visible(False)
        bar.ax.axhline(limit, color=CHALLENGER_COLOUR, linewidth=1.6)
        framed = Patch(facecolor="none", edgecolor=CHALLENGER_COLOUR, linewidth=1.6, label="drifted")
        missing = Patch(facecolor=MISSING_COLOUR, label="not measured")
        figure.legend(handles=[framed, missing], loc="outside lower center", ncols=2)
        add_banner(figure, banner)
    return figure


def unused_over_updates(
    quarantined: pd.DataFrame,
    came: Sequence[bool],
    excluded: Sequence[tuple[float, float] | None],
    most_quarantined: float,
    banner: str | None = None,
) -> Figure:
    """Draw per update the share of new records that were quarantined, by reason, and of training records left out.

    Args:
        quarantined: a row per update, a column per reason: shares of the records that came.
        came: per update whether there were any.
        excluded: per update the share that the selection excluded and the most that may be; None where none was made.
        most_quarantined: beyond it a batch is held back.
        banner: a line above the figure, such as "simulated cohort".
    """
    names = [str(name) for name in quarantined.index]
    places = np.arange(len(names))
    shares = _commonest(quarantined)
    with drawing():
        figure = new_figure(_width(len(names)), 4.6)
        upper, lower = figure.subplots(2, 1, sharex=True)
        bottom = np.zeros(len(names))
        for reason, colour in zip(shares.columns, SHARE_COLOURS, strict=False):
            values = shares[reason].to_numpy(dtype=np.float64)
            upper.bar(places, values, 0.6, bottom, color=colour, label=str(reason))
            bottom += values
        if bottom.max(initial=0) > most_quarantined / 2:  # else the line would press the bars flat
            _limit(upper, most_quarantined, "limit of a batch")
        upper.set_title("Quarantined, share of the new records", fontsize=9)
        _say_missing(upper, places, ~np.array(came, dtype=np.bool_), "none screened")
        if len(shares.columns):
            upper.legend(loc="upper left", bbox_to_anchor=(1.01, 1.05), fontsize=8)
        lower.bar(
            places, [0.0 if share is None else share[0] for share in excluded], 0.6, color=CHAMPION_COLOUR
        )
        bounds = [share[1] for share in excluded if share is not None]
        if bounds:
            _limit(lower, bounds[-1], "limit")
        lower.set_title("Excluded by the selection, share of the training records", fontsize=9)
        _say_missing(lower, places, np.array([share is None for share in excluded]), "not judged")
        for axes in (upper, lower):
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
            axes.grid(visible=False, axis="x")
            axes.set_ylim(bottom=0)
        _name_updates(lower, names)
        add_banner(figure, banner)
    return figure


def _commonest(shares: pd.DataFrame) -> pd.DataFrame:
    """The reasons with most, and the others in one column."""
    order = shares.sum().sort_values(ascending=False, kind="stable").index
    if len(order) <= MOST_REASONS + 1:
        return shares[order]
    found = shares[order[:MOST_REASONS]].copy()
    found[OTHER_REASONS] = shares[order[MOST_REASONS:]].sum(axis=1)
    return found


def _limit(axes: Axes, value: float, name: str) -> None:
    axes.axhline(value, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    axes.annotate(
        name,
        (1, value),
        (0, -3),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=7.5,
        color=GREY,
    )


def _say_missing(axes: Axes, places: NDArray[np.int64], missing: NDArray[np.bool_], what: str) -> None:
    """So that nothing to measure is not taken for zero."""
    for place in places[missing]:
        _say(axes, place, what, GREY, ha="center")


def _say(axes: Axes, place: float, what: str, colour: str, ha: str = "left") -> None:
    """Upright, from the lower end of the axes; flush left it leaves room for a line at `place`."""
    axes.annotate(
        what,
        (place, 0.03),
        (3 if ha == "left" else 0, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        ha=ha,
        va="bottom",
        fontsize=7,
        color=colour,
    )


def _width(updates: int) -> float:
    return 5.4 if updates <= FEW else 9.0


def _name_updates(axes: Axes, names: Sequence[str]) -> None:
    step = -(-len(names) // FEW)
    places = range(0, len(names), step) if names else range(0)
    axes.set_xticks(list(places), [names[place] for place in places])
    axes.set_xlim(-0.5, max(len(names), 1) - 0.5)
    axes.set_xlabel("update")
    if step == 1 and len(names) > 8:
        axes.tick_params(axis="x", labelsize=7.5)
