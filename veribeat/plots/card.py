"""Figures of the data card: who was recorded, with which labels, and which folds play which role."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from veribeat.data.demography import SEX_NAMES
from veribeat.plots.style import (
    GREY,
    SUPERCLASS_COLOURS,
    TRAINING_COLOUR,
    VALIDATION_COLOUR,
    add_banner,
    drawing,
    new_figure,
)

WIDTH: Final = 4.4
"""Inches; narrow, so that the text stays legible where a phone shows the figure in its full width."""

SEX_COLOURS: Final = {"female": "#E69F00", "male": "#0072B2", "unknown": "#BBBBBB"}

ROLE_COLOURS: Final = {
    "train": TRAINING_COLOUR,
    "validation": VALIDATION_COLOUR,
    "test": "#D55E00",
    "other": "#999999",
}
"""A fold has the colour of the first of these roles that it plays."""

BIN_YEARS: Final = 5
OLDEST_SHOWN: Final = 89
HIDDEN_AGE: Final = 92.5
"""Where the bar of all older ones stands: PTB-XL hides their age."""


def age_histogram(age: pd.Series, sex: pd.Series, banner: str | None = None) -> Figure:
    """Draw how many records there are per five years of age, one bar on the other for each sex.

    Args:
        age: (N,) years; all over 89, PTB-XL's 300 among them, are one bar; NaN is an unknown age, which is not drawn.
        sex: (N,) PTB-XL's codes: 0 male, 1 female, -1 unknown.
        banner: a line above the figure, such as "simulated cohort".
    """
    names = sex.map(SEX_NAMES)
    years = age.mask(age > OLDEST_SHOWN, HIDDEN_AGE)
    edges = np.arange(0, 95 + BIN_YEARS, BIN_YEARS)
    with drawing():
        figure = new_figure(WIDTH, 2.9)
        axes = figure.add_subplot()
        below = np.zeros(len(edges) - 1)
        for name, colour in SEX_COLOURS.items():
            counts, _ = np.histogram(years[(names == name) & years.notna()], edges)
            if counts.any():
                axes.bar(
                    edges[:-1],
                    counts,
                    BIN_YEARS,
                    below,
                    align="edge",
                    color=colour,
                    edgecolor="white",
                    label=name,
                )
            below += counts
        axes.set(title="Age and sex", xlabel="age, years", ylabel="records", xlim=(0, 95))
        axes.set_xticks([0, 20, 40, 60, 80, HIDDEN_AGE], ["0", "20", "40", "60", "80", ">89"])
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False, axis="x")
        if below.any():
            axes.legend(loc="upper left")
        add_banner(figure, banner)
    return figure


def superclass_bars(counts: Mapping[str, int], records: int, banner: str | None = None) -> Figure:
    """Draw how many of `records` carry each superclass; a record with two labels counts in both.

    Args:
        counts: records per superclass, and those without any under "none" (`data.card.class_counts`).
        records: how many there are.
        banner: a line above the figure, such as "simulated cohort".
    """
    names = list(counts)
    with drawing():
        figure = new_figure(WIDTH, 2.9)
        axes = figure.add_subplot()
        colours = [SUPERCLASS_COLOURS.get(name, ROLE_COLOURS["other"]) for name in names]
        bars = axes.barh(names, list(counts.values()), color=colours, height=0.72)
        labels = [f"{count} ({count / records:.1%})" if records else "0" for count in counts.values()]
        axes.bar_label(bars, labels, padding=3, fontsize=8)
        axes.set(title="Labels", xlabel="records", xlim=(0, 1.32 * max([1, *counts.values()])))
        axes.invert_yaxis()  # in the order of the table, from the top
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False, axis="y")
        add_banner(figure, banner)
    return figure


def fold_bars(
    records: Mapping[int, int], folds_of_role: Mapping[str, Sequence[int]], banner: str | None = None
) -> Figure:
    """Draw the size of each fold in the colour of its role: train, validation, test, or another or none.

    Args:
        records: records per fold.
        folds_of_role: folds per role; roles beside train, validation and test only count as "other".
        banner: a line above the figure, such as "simulated cohort".
    """
    with drawing():
        figure = new_figure(WIDTH, 2.9)
        axes = figure.add_subplot()
        remaining = dict(sorted(records.items()))
        for role, colour in ROLE_COLOURS.items():
            folds = [fold for fold in remaining if role == "other" or fold in folds_of_role.get(role, ())]
            sizes = [remaining.pop(fold) for fold in folds]
            if folds:
                bars = axes.bar(folds, sizes, color=colour, width=0.8, label=role)
                axes.bar_label(bars, padding=2, fontsize=7, color=GREY)
        axes.set(title="Folds and their roles", xlabel="fold", ylabel="records")
        axes.margins(y=0.12)  # room for the numbers
        axes.set_xticks(sorted(records))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", length=0)
        if records:
            figure.legend(loc="outside lower center", ncols=len(ROLE_COLOURS))
        add_banner(figure, banner)
    return figure
