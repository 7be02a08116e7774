"""How the prototypes were found: silhouettes over the number of clusters, and clusters in the embedding.

[CF] figures 4 and 5, for all superclasses.
"""

from collections.abc import Callable, Mapping
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, add_banner, drawing, new_figure
from veribeat.prototypes.clustering import Clustering

COLUMNS = 3
RING_COLOUR = "#A00000"


def silhouette_curves(clusterings: Mapping[str, Clustering], banner: str | None = None) -> Figure:
    """Draw per superclass the mean silhouette over the number of clusters ([CF] figure 4), the chosen one ringed.

    Hollow points have a cluster of one record: it is an outlier that is told from the rest, rather than a group.

    Args:
        clusterings: of the superclasses, in the order of the panels.
        banner: a line above the figure, such as "simulated cohort".
    """
    return _panels(clusterings, _draw_silhouettes, banner)


def cluster_maps(clusterings: Mapping[str, Clustering], banner: str | None = None) -> Figure:
    """Draw per superclass the clusters on the first two axes of the embedding ([CF] figure 5), medoids ringed.

    Args:
        clusterings: of the superclasses, in the order of the panels.
        banner: a line above the figure, such as "simulated cohort".
    """
    return _panels(clusterings, _draw_map, banner)


def _panels(
    clusterings: Mapping[str, Clustering],
    draw: Callable[[Axes, str, Clustering], None],
    banner: str | None,
) -> Figure:
    columns = min(COLUMNS, len(clusterings))
    rows = -(-len(clusterings) // columns)
    with drawing():
        figure = new_figure(3.1 * columns, 2.9 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, clustering) in zip(panels, clusterings.items(), strict=False):
            axes.set_title(f"{name} ({len(clustering.labels)} records)")
            if clustering.note:
                axes.set_axis_off()
                axes.text(0, 0.9, fill(clustering.note, 30), transform=axes.transAxes, va="top")
            else:
                draw(axes, name, clustering)
        for axes in panels[len(clusterings) :]:
            axes.set_axis_off()
        add_banner(figure, banner)
    return figure


def _draw_silhouettes(axes: Axes, name: str, clustering: Clustering) -> None:
    colour, chosen = SUPERCLASS_COLOURS[name], clustering.dimensions
    for dimensions, tried in clustering.table.groupby("dimensions"):
        if dimensions != chosen:
            axes.plot(tried["clusters"], tried["silhouette"], color=GREY, linewidth=0.8, alpha=0.35)
    tried = clustering.table[clustering.table["dimensions"] == chosen]
    axes.plot(tried["clusters"], tried["silhouette"], color=colour, marker="o", markersize=3.5)
    outliers = tried[tried["smallest_cluster"] == 1]
    axes.plot(
        outliers["clusters"],
        outliers["silhouette"],
        color=colour,
        linestyle="",
        marker="o",
        markersize=3.5,
        markerfacecolor="white",
    )
    best = tried[tried["clusters"] == clustering.clusters]
    axes.plot(
        best["clusters"],
        best["silhouette"],
        color=RING_COLOUR,
        linestyle="",
        marker="o",
        markersize=9,
        fillstyle="none",
    )
    axes.plot([], [], color=colour, label=f"{chosen} dimensions")
    axes.plot([], [], color=GREY, linewidth=0.8, alpha=0.35, label="other dimensions")
    axes.plot(
        [],
        [],
        color=colour,
        linestyle="",
        marker="o",
        markerfacecolor="white",
        label="a cluster of one record",
    )
    axes.set(xlabel="clusters", ylabel="mean silhouette of DTW")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")


def _draw_map(axes: Axes, name: str, clustering: Clustering) -> None:
    # A single dimension is drawn along a line.
    first, second = np.pad(clustering.embedding, ((0, 0), (0, 1)))[:, :2].T
    for number, medoid in enumerate(clustering.medoids):
        members = clustering.labels == number
        colour = f"C{number}"  # of matplotlib's own cycle, which begins anew after ten
        axes.plot(
            first[members], second[members], color=colour, linestyle="", marker=".", label=members.sum()
        )
        axes.plot(
            first[medoid],
            second[medoid],
            color=RING_COLOUR,
            linestyle="",
            marker="o",
            markersize=9,
            fillstyle="none",
        )
    axes.set(xlabel="axis 1, mV", ylabel="axis 2, mV")
    axes.margins(0.1)  # rings stay whole
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(title="records", loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.1, borderaxespad=0)
