"""The figures of docs/benchmarks.md."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.attribution_peers import Curve
from benchmarks.axes import MARKERS, PLAIN, logarithmic
from benchmarks.dtw_peers import MEASURES, OURS, Line
from benchmarks.growth import Growth
from benchmarks.tables import significant
from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, add_banner, drawing, new_figure

BLUE, RED, GREEN, PURPLE, _ = SUPERCLASS_COLOURS.values()
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def peers_figure(lines: Sequence[Line], curves: Sequence[Curve], banner: str | None) -> Figure:
    """Time of a pair by library, and error by time of attributions."""
    with drawing():
        figure = new_figure(11, 4)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1))
        _bars(left, lines)
        for curve, marker, colour in zip(curves, MARKERS, (BLUE, GREEN, RED, PURPLE), strict=True):
            right.plot(curve.seconds, curve.errors, marker=marker, color=colour, label=curve.name)
        logarithmic(right)
        right.set(xlabel="s per record and logit", ylabel="relative error", title="Attributions")
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
        add_banner(figure, banner)
    return figure


def growth_figure(growth: Growth, banner: str | None) -> Figure:
    """Times by number of records, of prototypes, and by length."""
    with drawing():
        figure = new_figure(11, 3.2)
        records, prototypes, length = figure.subplots(1, 3)
        _line(records, growth.dtw, BLUE, "o", None)
        logarithmic(records)
        records.set_xticks(list(growth.dtw), minor=False)
        records.xaxis.minorticks_off()
        records.set(xlabel="records, all against all", ylabel="ms", title="DTW")
        _line(prototypes, growth.prototypes, BLUE, "o", None)
        prototypes.set(xlabel="prototypes", ylabel="ms", title="Explanation by prototypes")
        _line(length, growth.all_windows, RED, "s", "all windows")
        _line(length, growth.one_window, BLUE, "o", "one window")
        length.set_xticks(list(growth.one_window))
        length.set(xlabel="length of the recording, s", ylabel="ms", title="Explanation by length")
        length.legend()
        for axes in (prototypes, length):
            axes.set_xlim(left=0)
            axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        add_banner(figure, banner)
    return figure


def _bars(axes: Axes, lines: Sequence[Line]) -> None:
    """One bar per library, for one thread: red ours, blue what computes the same, grey what does not."""
    floors = [line for line in lines if line.measure not in MEASURES]
    libraries = [line for line in lines if line.measure in MEASURES]
    places = range(len(libraries))
    colours = [
        RED if line.name == OURS else BLUE if line.measure == "eq7" else "#BBBBBB" for line in libraries
    ]
    values = [line.milliseconds[0] for line in libraries]
    axes.barh(places, values, color=colours)
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            significant(value), (value, place), (3, 0), textcoords="offset points", va="center", bbox=BEHIND
        )
    axes.set_yticks(places, [line.name for line in libraries])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PLAIN)
    axes.set_xlim(min(line.milliseconds[0] for line in lines) / 2, 2 * max(values))
    for floor, style in zip(floors, ("dashed", "dotted"), strict=True):
        # By its ratio to ours, which were measured in turn: a busy moment must not move one past the other.
        axes.axvline(floor.ratios[0] * values[0], color=GREY, linestyle=style, label=floor.name)
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.14))
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="ms per pair, 1 thread (grey: not [CF] eq. 7)", title="DTW")


def _line(axes: Axes, times: Mapping[int, float], colour: str, marker: str, label: str | None) -> None:
    axes.plot(list(times), [1000 * each for each in times.values()], marker=marker, color=colour, label=label)
