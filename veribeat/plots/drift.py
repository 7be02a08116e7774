"""Drift of batch after batch: how far each feature moved, and where that is a verdict."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from veribeat.drift.batch import DEVICE
from veribeat.errors import InputError
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

PALE_TO_BLUE: Final = LinearSegmentedColormap.from_list("pale_to_blue", ["#FFFFFF", "#0072B2"])
MARK_COLOUR: Final = "#D55E00"  # vermilion
NEW_DEVICE: Final = "device not in the reference"

CELL = 0.24
"""Inches from one row to the next."""
COLUMN = 0.62
NAMES = 2.2


def drift_map(verdicts: Mapping[str, pd.DataFrame], limit: float, banner: str | None = None) -> Figure:
    """Draw features as rows, batches as columns, and in each cell the largest PSI of its devices.

    Where a device drifted, the cell has a triangle, and shows the largest PSI of those that did. Colours end at twice
    the `limit`. A dash: not judged. The last row is the number of devices that the reference lacks.

    Args:
        verdicts: batch -> what `judge_batch` says of it, in order.
        limit: smallest PSI of a verdict.
        banner: a line above the figure, such as "simulated cohort".

    Raises:
        InputError: no batch.
    """
    if not verdicts:
        raise InputError("There is no batch to draw the drift of.")
    tables = list(verdicts.values())
    features = list(dict.fromkeys(name for table in tables for name in _features(table)))
    cells = [_cells(table, features) for table in tables]
    values = np.column_stack([psi for psi, _ in cells])
    drifted = np.column_stack([mark for _, mark in cells])
    with drawing():
        rows = len(features) + 1
        figure = new_figure(max(4.8, NAMES + COLUMN * len(tables) + 0.9), 1.35 + CELL * rows)
        axes = figure.add_subplot()
        shown = np.ma.masked_invalid(np.vstack((values, np.full((1, len(tables)), np.nan))))
        image = axes.imshow(shown, cmap=PALE_TO_BLUE, vmin=0, vmax=2 * limit, aspect="auto")
        for (row, column), psi in np.ndenumerate(values):
            _cell(axes, row, column, psi, limit, "–" if np.isnan(psi) else f"{psi:.2f}")
            if drifted[row, column]:
                _mark(axes, row, column)
        for column, table in enumerate(tables):
            new = _new_devices(table)
            _cell(axes, rows - 1, column, 0.0, limit, str(len(new)))
            if new["drifted"].any():
                _mark(axes, rows - 1, column)
        axes.set_yticks(range(rows), [*features, NEW_DEVICE])
        axes.set_xticks(range(len(tables)), list(verdicts), rotation=35, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.axhline(rows - 1.5, color=GREY, linewidth=0.6)
        axes.spines[:].set_visible(False)
        axes.set_title("Drift by feature: largest PSI of the devices")
        bar = figure.colorbar(image, ax=axes, extend="max", shrink=0.8, aspect=30, pad=0.02)
        bar.set_ticks([0, limit, 2 * limit])
        bar.outline.set_linewidth(0)
        bar.set_label("PSI")
        handle = Line2D([], [], color=MARK_COLOUR, marker="<", linestyle="", markersize=5, label="drifted")
        figure.legend(handles=[handle], loc="outside lower right")
        add_banner(figure, banner)
    return figure


def _features(table: pd.DataFrame) -> list[str]:
    """Names of the rows; the share of missing values is a row of its own."""
    return list(dict.fromkeys(_row_names(table[~_is_listed(table)])))


def _row_names(table: pd.DataFrame) -> list[str]:
    return [
        f"{feature}, missing" if kind == "missing" else "device mix" if feature == DEVICE else str(feature)
        for feature, kind in zip(table["feature"], table["kind"], strict=True)
    ]


def _is_listed(table: pd.DataFrame) -> pd.Series:
    """Rows that name a device that could not be compared."""
    return (table["feature"] == DEVICE) & (table["device"] != "all")


def _new_devices(table: pd.DataFrame) -> pd.DataFrame:
    return table[_is_listed(table) & (table["n_reference"] == 0)]


def _cells(table: pd.DataFrame, features: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """PSI to show, NaN where nothing was judged, and whether any device drifted, both (features,)."""
    judged = table[~_is_listed(table)]
    names = np.array(_row_names(judged))
    psi, drifted = judged["psi"].to_numpy(), judged["drifted"].to_numpy()
    shown = np.full(len(features), np.nan)
    marks = np.zeros(len(features), dtype=bool)
    for place, feature in enumerate(features):
        own = names == feature
        marks[place] = drifted[own].any()
        values = psi[own & drifted] if marks[place] else psi[own]
        values = values[~np.isnan(values)]
        if len(values):
            shown[place] = values.max()
    return shown, marks


def _cell(axes: Axes, row: int, column: int, psi: float, limit: float, text: str) -> None:
    dark = psi > 1.2 * limit
    axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if dark else "black")


def _mark(axes: Axes, row: int, column: int) -> None:
    axes.plot(
        column + 0.4,
        row,
        marker="<",
        markersize=5,
        color=MARK_COLOUR,
        markeredgecolor="white",
        markeredgewidth=0.4,
    )
