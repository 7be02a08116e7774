"""Ways to select training records side by side: quality against cost, and by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.plots.losses import ARM_COLOURS
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class ArmPoint:
    """Quality of an arm, with its interval and the values of its seeds, and what it cost, in epochs on all records."""

    quality: float
    interval: tuple[float, float]
    seeds: tuple[float, ...]
    costs: Mapping[str, float]  # name of a cost -> value; the same names for every arm


@dataclass(frozen=True)
class ArmCurve:
    """Quality after each epoch against what was spent by then, both (epochs,), of one seed."""

    spent: NDArray[np.float64]
    quality: NDArray[np.float64]


def quality_against_cost(
    arms: Mapping[str, ArmPoint], reference: str, quality: str, banner: str | None = None
) -> Figure:
    """Draw a panel per kind of cost, with a point for each arm, its seeds in grey, and its interval.

    The dashed lines are the reference arm's quality and cost: above the one is better, left of the other is cheaper.
    """
    names = list(next(iter(arms.values())).costs)
    with drawing():
        figure = new_figure(4.0 * len(names), 4.2)
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            if reference in arms:
                own = arms[reference]
                axes.axhline(own.quality, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
                axes.axvline(own.costs[name], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
            for (_, point), (colour, marker) in zip(arms.items(), _styles(), strict=False):
                cost = point.costs[name]
                axes.plot((cost, cost), point.interval, color=colour, linewidth=1.2, alpha=0.6)
                axes.plot(
                    [cost] * len(point.seeds),
                    point.seeds,
                    color=colour,
                    marker="_",
                    linestyle="",
                    markersize=7,
                )
                axes.plot(
                    cost,
                    point.quality,
                    color=colour,
                    marker=marker,
                    markersize=7,
                    markeredgecolor="white",
                    zorder=5,
                )
            axes.set(xlabel=name, xlim=(0, None))
        panels[0].set_ylabel(quality)
        panels[0].set_title("Quality against cost")
        _legend(figure, arms)
        add_banner(figure, banner)
    return figure


def curves_by_cost(
    arms: Mapping[str, Sequence[ArmCurve]], quality: str, cost: str, banner: str | None = None
) -> Figure:
    """Draw every seed's quality after each epoch against what was spent by then, one colour per arm."""
    with drawing():
        figure = new_figure(6.4, 4.2)
        axes = figure.add_subplot()
        for (_, curves), (colour, _) in zip(arms.items(), _styles(), strict=False):
            for curve in curves:
                axes.plot(curve.spent, curve.quality, color=colour, linewidth=1.0, alpha=0.85)
        axes.set(title="Quality by cost", xlabel=cost, ylabel=quality)
        handles = [
            Line2D([], [], color=colour, label=arm) for arm, (colour, _) in zip(arms, _styles(), strict=False)
        ]
        figure.legend(handles=handles, loc="outside right upper")
        add_banner(figure, banner)
    return figure


def recall_by_class(arms: Mapping[str, Mapping[str, float]], banner: str | None = None) -> Figure:
    """Draw the recall of each superclass, arms side by side; arms -> superclass -> recall, NaN where undefined."""
    with drawing():
        figure = new_figure(7.2, 3.6)
        axes = figure.add_subplot()
        offsets = np.linspace(-0.32, 0.32, len(arms)) if len(arms) > 1 else np.zeros(1)
        for offset, (_, recall), (colour, marker) in zip(offsets, arms.items(), _styles(), strict=False):
            axes.plot(
                np.arange(len(SUPERCLASSES)) + offset,
                [recall[name] for name in SUPERCLASSES],
                color=colour,
                marker=marker,
                linestyle="",
                markersize=6,
                markeredgecolor="white",
            )
        axes.set_xticks(range(len(SUPERCLASSES)), SUPERCLASSES)
        axes.grid(visible=False, axis="x")
        axes.set(title="Recall by superclass", ylabel="recall")
        _legend(figure, arms)
        add_banner(figure, banner)
    return figure


def _styles() -> "cycle[tuple[str, str]]":
    """Colour and marker of each arm; markers tell arms apart beyond seven colours, and in grey print."""
    return cycle([(ARM_COLOURS[k % len(ARM_COLOURS)], MARKERS[k % len(MARKERS)]) for k in range(70)])


def _legend(figure: Figure, arms: Mapping[str, object]) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=7, label=arm)
        for arm, (colour, marker) in zip(arms, _styles(), strict=False)
    ]
    figure.legend(handles=handles, loc="outside right upper")
