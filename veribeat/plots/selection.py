"""What a selection did over the epochs, and the records that it dropped most often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.plots.ecg_paper import BOLD_COLOUR, FINE_COLOUR, INK, PAPER_COLOUR
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

KEPT_COLOUR = "#0072B2"
DROPPED_COLOUR = "#D55E00"
OTHER_COLOUR = "#E5E5E5"

STRIP_LEADS = ("I", "II", "V1", "V5")
"""Of a small picture of a record: limb and chest."""

STRIP_MV = 2.0
"""Height of the strip of a lead."""


@dataclass(frozen=True)
class DroppedRecord:
    """A record (1000, 12) in mV, and what is known of it."""

    ecg_id: int
    labels: tuple[str, ...]
    dropped: int
    considered: int
    signal_mv: NDArray[np.float32]


def selection_over_epochs(
    arms: Mapping[str, Mapping[str, NDArray[np.float64]]], banner: str | None = None
) -> Figure:
    """Draw for each arm which shares of the training records an epoch trained on, and which its filter dropped.

    Args:
        arms: arm -> kept and dropped, shares of all records, (epochs,) each.
        banner: a line above the figure.
    """
    with drawing():
        figure, panels = _panels(len(arms), height=2.0)
        for axes, (arm, shares) in zip(panels, arms.items(), strict=False):
            epochs = np.arange(len(shares["kept"]))
            axes.bar(epochs, np.ones(len(epochs)), 1.0, color=OTHER_COLOUR, label="not a candidate")
            axes.bar(
                epochs,
                shares["dropped"],
                1.0,
                shares["kept"],
                color=DROPPED_COLOUR,
                label="dropped by the filter",
            )
            axes.bar(epochs, shares["kept"], 1.0, color=KEPT_COLOUR, label="trained on")
            axes.set_title(arm, fontsize=9)
            axes.set(ylim=(0, 1), xlim=(-0.5, len(epochs) - 0.5))
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(visible=False)
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel("share of the records", fontsize=9)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        add_banner(figure, banner)
    return figure


def focus_over_epochs(arms: Mapping[str, NDArray[np.float64]], banner: str | None = None) -> Figure:
    """Draw for each arm how the candidates' focus is distributed, epoch by epoch.

    Args:
        arms: arm -> (epochs, bins) counts of focus scores in equal bins of [0, 1]; a row of zeros is an epoch without.
        banner: a line above the figure.
    """
    with drawing():
        figure, panels = _panels(len(arms), height=2.2)
        for axes, (arm, counts) in zip(panels, arms.items(), strict=False):
            total = counts.sum(axis=1, keepdims=True)
            shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
            image = axes.imshow(
                shares.T,
                origin="lower",
                aspect="auto",
                extent=(-0.5, len(counts) - 0.5, 0, 1),
                cmap="Greys",
                vmin=0,
                vmax=0.5,
            )
            axes.set_title(arm, fontsize=9)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(visible=False)
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel("focus of the candidates", fontsize=9)
        figure.colorbar(image, ax=list(panels), label="share of the candidates", extend="max")
        add_banner(figure, banner)
    return figure


def dropped_records(records: Sequence[DroppedRecord], banner: str | None = None) -> Figure:
    """Draw leads I, II, V1 and V5 of each record, one below the other, two records side by side, on ECG paper.

    A square is 0.2 s and 0.5 mV; what goes beyond its strip of 2 mV is cut off.
    """
    with drawing():
        rows = -(-len(records) // 2)
        figure = new_figure(11.0, 0.5 + 2.1 * rows)
        panels = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes in panels[len(records) :]:
            axes.set_axis_off()
        for axes, record in zip(panels, records, strict=False):
            _draw_strip(axes, record)
        add_banner(figure, banner)
    return figure


def _draw_strip(axes: Axes, record: DroppedRecord) -> None:
    seconds = len(record.signal_mv) / SAMPLING_RATE
    height = STRIP_MV * len(STRIP_LEADS)
    axes.set_facecolor(PAPER_COLOUR)
    axes.set(xlim=(0, seconds), ylim=(-height, 0))
    grid = [((float(x), 0.0), (float(x), -height)) for x in np.arange(0, seconds + 0.01, 0.2)]
    grid += [((0.0, -float(y)), (seconds, -float(y))) for y in np.arange(0, height + 0.01, 0.5)]
    axes.add_collection(LineCollection(grid, colors=BOLD_COLOUR, linewidths=0.3))
    axes.axhline(-height, color=FINE_COLOUR)
    time = np.arange(len(record.signal_mv)) / SAMPLING_RATE
    for place, lead in enumerate(STRIP_LEADS):
        trace = record.signal_mv[:, LEADS.index(lead)]
        middle = -STRIP_MV * (place + 0.5)
        shown = np.clip(trace - np.median(trace), -STRIP_MV / 2, STRIP_MV / 2)
        axes.plot(time, middle + shown, color=INK, linewidth=0.5)
        axes.text(0.05, middle + 0.35, lead, fontsize=7, fontweight="bold", color=GREY)
    labels = " ".join(record.labels) or "no superclass"
    axes.set_title(
        f"{record.ecg_id}: {labels}, dropped {record.dropped} of {record.considered} times", fontsize=8
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _panels(count: int, height: float) -> tuple[Figure, NDArray[np.object_]]:
    columns = min(4, count)
    rows = -(-count // columns)
    figure = new_figure(2.6 * columns + 0.8, height * rows + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels[:count]
