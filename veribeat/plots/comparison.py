"""Ways to select training records side by side: quality against cost, and by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from veribeat.conventions import SUPERCLASSES
from veribeat.plots.losses import ARM_COLOURS
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

LABEL_SIZE = 8.5  # points
LABEL_PITCH = 0.16
"""Inches from one label to the next below it."""

LONG_RUN = 6
"""Epochs from which on a run's first ones are cut off, because they would press the rest together."""


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
    """Draw a panel per kind of cost, one below the other, with a labelled point for each arm, its seeds and interval.

    The dashed lines are the reference arm's quality and cost: above the one is better, left of the other is cheaper.
    The upper axis is the cost as a multiple of the reference's. Without the reference there are neither.
    """
    names = list(next(iter(arms.values())).costs)
    inside = max(1.5, LABEL_PITCH * len(arms))
    with drawing():
        figure = new_figure(4.8, 0.3 + (inside + 0.85) * len(names))
        panels = figure.subplots(len(names), 1, sharey=True, squeeze=False)[:, 0]
        for axes, name in zip(panels, names, strict=True):
            for point, (colour, marker) in zip(arms.values(), _styles(), strict=False):
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
                    markeredgewidth=0.6,
                    zorder=5,
                )
            axes.set(xlabel=name, ylabel=quality, xlim=(0, None))
            if reference in arms:
                _cross(axes, arms[reference], name, reference)
        for axes, name in zip(panels, names, strict=True):  # the shared limits are known now
            _label(axes, {arm: (point.costs[name], point.quality) for arm, point in arms.items()}, inside)
        panels[0].set_title("Quality against cost")
        add_banner(figure, banner)
    return figure


def curves_by_cost(
    arms: Mapping[str, Sequence[ArmCurve]], quality: str, cost: str, banner: str | None = None
) -> Figure:
    """Draw quality after each epoch against what was spent by then: a labelled line per arm, its seeds thin.

    The line is the mean of the seeds, both ways, over the epochs that all of them have. Of long runs the lowest fifth
    of all values is cut off, as the axis says, so that arms can be told apart where they end.
    """
    inside = max(2.9, LABEL_PITCH * len(arms))
    with drawing():
        figure = new_figure(4.8, inside + 0.8)
        axes = figure.add_subplot()
        ends = {}
        for (arm, curves), (colour, _) in zip(arms.items(), _styles(), strict=False):
            for curve in curves if len(curves) > 1 else ():
                axes.plot(curve.spent, curve.quality, color=colour, linewidth=0.5, alpha=0.45)
            epochs = min(len(curve.spent) for curve in curves)
            spent = np.mean([curve.spent[:epochs] for curve in curves], axis=0)
            mean = np.mean([curve.quality[:epochs] for curve in curves], axis=0)
            marker = "." if epochs == 1 else ""  # a line through one point is invisible
            axes.plot(spent, mean, color=colour, linewidth=1.5, marker=marker)
            ends[arm] = (float(spent[-1]), float(mean[-1]))
        shortest = min(len(curve.spent) for curves in arms.values() for curve in curves)
        if shortest >= LONG_RUN:
            values = np.concatenate([curve.quality for curves in arms.values() for curve in curves])
            axes.set_ylim(bottom=float(np.nanquantile(values, 0.2)))
            quality = f"{quality} (lowest fifth cut off)"
        axes.set(title="Quality by cost: means, seeds thin", xlabel=cost, ylabel=quality)
        _label(axes, ends, inside)
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
                markersize=6.5,
                markeredgecolor="white",
                markeredgewidth=0.5,
            )
        for between in np.arange(len(SUPERCLASSES) - 1) + 0.5:
            axes.axvline(between, color=GREY, linewidth=0.5)
        axes.set_xticks(range(len(SUPERCLASSES)), SUPERCLASSES)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        axes.set(title="Recall by superclass", ylabel="recall")
        _legend(figure, arms)
        add_banner(figure, banner)
    return figure


def _cross(axes: Axes, own: ArmPoint, name: str, reference: str) -> None:
    """Lines at the reference's quality and cost, and an upper axis in multiples of that cost."""
    cost = own.costs[name]
    axes.axhline(own.quality, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    axes.axvline(cost, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    if cost > 0:

        def multiple(x: ArrayLike) -> ArrayLike:
            return np.asarray(x, dtype=np.float64) / cost

        def absolute(x: ArrayLike) -> ArrayLike:
            return np.asarray(x, dtype=np.float64) * cost

        upper = axes.secondary_xaxis("top", functions=(multiple, absolute))
        upper.set_xlabel(f"as a multiple of {reference}'s", fontsize=LABEL_SIZE, color=GREY)
        upper.tick_params(labelsize=LABEL_SIZE, colors=GREY)


def _label(axes: Axes, points: Mapping[str, tuple[float, float]], inside: float) -> None:
    """Name each arm right of the axes, with its marker and a thin line to its point (x, y); call it last.

    Labels stand as close to their points as they can without overlapping. `inside` is the height of the axes, inches.
    """
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top)
    axes.set_xlim(axes.get_xlim())
    places = spread(
        np.array([(y - bottom) / (top - bottom) for _, y in points.values()]), LABEL_PITCH / inside
    )
    for (arm, point), place, (colour, marker) in zip(points.items(), places, _styles(), strict=False):
        if not np.isfinite(point).all():
            continue
        axes.annotate(
            "",
            point,
            (1.03, place),
            textcoords="axes fraction",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.7, "shrinkB": 3},
        )
        axes.plot(
            1.045,
            place,
            color=colour,
            marker=marker,
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(1.075, place, arm, va="center", fontsize=LABEL_SIZE, transform=axes.transAxes)


def spread(wanted: NDArray[np.float64], pitch: float) -> NDArray[np.float64]:
    """Places (n,) in [0, 1] at least `pitch` apart, in the order of those `wanted` and as near to them as can be.

    Where n of them do not fit they begin at 0 and go on beyond 1; a place that is not finite is taken for 0.
    """
    heights = np.nan_to_num(wanted, nan=0.0, posinf=1.0, neginf=0.0)
    order = np.argsort(heights, kind="stable")
    steps = np.arange(len(heights)) * pitch
    # Without the steps the places need only not fall, which makes least squares an isotonic regression.
    fitted = isotonic_regression(heights[order] - steps).x
    places = np.empty(len(heights))
    places[order] = np.clip(fitted, 0, max(0.0, 1 - (len(heights) - 1) * pitch)) + steps
    return places


def _styles() -> "cycle[tuple[str, str]]":
    """Colour and marker of each arm; markers tell arms apart beyond seven colours, and in grey print."""
    return cycle([(ARM_COLOURS[k % len(ARM_COLOURS)], MARKERS[k % len(MARKERS)]) for k in range(70)])


def _legend(figure: Figure, arms: Mapping[str, object]) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=7, label=arm)
        for arm, (colour, marker) in zip(arms, _styles(), strict=False)
    ]
    figure.legend(handles=handles, loc="outside right upper")
