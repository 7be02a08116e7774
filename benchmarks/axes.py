"""What the benchmarks' figures share."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

MARKERS = "osD^"
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
BETWEEN = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
"""Of the small ticks of a logarithmic axis only 2 and 5 have room."""


def logarithmic(axes: Axes) -> None:
    """Make both axes logarithmic, with plain numbers."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
        axis.set_minor_formatter(BETWEEN)
    axes.tick_params(which="minor", labelsize=7)
