"""Reliability diagram: of the records that get a probability of 30 %, how many have the superclass."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from veribeat.conventions import SUPERCLASSES
from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, add_banner, drawing, new_figure

COLUMNS = 3


def reliability_diagram(bins: pd.DataFrame, banner: str | None = None) -> Figure:
    """Draw for each superclass observed frequency against mean probability per bin, on test, and the records per bin.

    Args:
        bins: table of `metrics.calibration.reliability_bins`.
        banner: a line above the figure, such as "simulated cohort".
    """
    rows = -(-(len(SUPERCLASSES) + 1) // COLUMNS)  # one place more, for the legend
    with drawing():
        figure = new_figure(7.2, 3.1 * rows)
        grid = figure.add_gridspec(2 * rows, COLUMNS, height_ratios=[3, 1] * rows)
        first: tuple[Axes, Axes] | None = None
        for place, name in enumerate(SUPERCLASSES):
            row, column = divmod(place, COLUMNS)
            above = figure.add_subplot(grid[2 * row, column], sharey=first[0] if first else None)
            below = figure.add_subplot(
                grid[2 * row + 1, column], sharex=above, sharey=first[1] if first else None
            )
            first = first or (above, below)
            _draw_class(above, below, bins[bins["class"] == name], name)
            below.set_ylim(0.7, 1.5 * bins["records"].max())  # the same for all, and one record is seen, too
            for axes, label in ((above, "observed frequency"), (below, "records")):
                axes.set_ylabel(label if column == 0 else "")
                axes.tick_params(labelleft=column == 0)
            below.set_xlabel("" if place + COLUMNS < len(SUPERCLASSES) else "probability")
        _draw_legend(figure.add_subplot(grid[2 * (rows - 1), len(SUPERCLASSES) % COLUMNS]))
        add_banner(figure, banner)
    return figure


def _draw_class(above: Axes, below: Axes, bins: pd.DataFrame, name: str) -> None:
    colour = SUPERCLASS_COLOURS[name]
    filled = bins[bins["records"] > 0]
    frequency, probability = filled["observed_frequency"], filled["mean_probability"]
    ece = np.average(np.abs(frequency - probability), weights=filled["records"])
    above.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
    above.vlines(
        probability, filled["frequency_low"], filled["frequency_high"], color=colour, linewidth=1.2, alpha=0.5
    )
    above.plot(probability, frequency, color=colour, linewidth=0.8, alpha=0.5)
    above.plot(probability, frequency, color=colour, linestyle="", marker="o", markersize=3.5)
    above.set(
        title=f"{name}: ECE {ece:.3f}",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xticks=np.arange(6) / 5,
        yticks=np.arange(6) / 5,
    )
    above.tick_params(labelbottom=False)
    below.bar(bins["low"], bins["records"], bins["high"] - bins["low"], align="edge", color=colour, alpha=0.6)
    below.set_yscale("log")  # most probabilities are near 0: on a linear scale no other bar would show
    below.yaxis.set_minor_locator(NullLocator())


def _draw_legend(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set_title("Reliability, test")
    axes.plot([], [], color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), label="probabilities are right")
    axes.plot([], [], color=GREY, linestyle="", marker="o", markersize=3.5, label="frequency in a bin")
    axes.plot([], [], color=GREY, linewidth=1.2, alpha=0.5, label="95 % interval (Wilson)")
    axes.legend(loc="upper left")
