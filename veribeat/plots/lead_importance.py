"""Lead importance: on which leads the attributions of each superclass lie."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from veribeat.conventions import LEADS
from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, add_banner, drawing, new_figure

GROUP = 0.8
"""Width of the bars of one lead together; leads are 1 apart."""

CAVEAT = (
    "Shares say where attributions are large, not whether they speak for the class. "
    "They grow with a lead's amplitude."
)


def lead_importance_chart(
    shares: pd.DataFrame, rows: Mapping[str, int], banner: str | None = None, title: str = "Lead importance"
) -> Figure:
    """Draw the mean share of each lead in |attribution|, one bar per superclass, and what equal shares would be.

    Args:
        shares: one row per superclass (its index), one column per lead: means of `importance.lead_shares`.
        rows: superclass -> number of attributions that its means are of.
        banner: a line above the figure, such as "simulated cohort".
        title: says which records.
    """
    leads = np.arange(len(LEADS))
    width = GROUP / max(len(shares), 1)
    with drawing():
        figure = new_figure(9.0, 3.6)
        axes = figure.add_subplot()
        for place, name in enumerate(shares.index):
            left = leads - GROUP / 2 + place * width
            heights = 100 * shares.loc[name, list(LEADS)]
            label = f"{name} ({rows[name]})"
            axes.bar(left, heights, width, align="edge", color=SUPERCLASS_COLOURS[name], label=label)
        equal = 100 / len(LEADS)
        line = axes.axhline(equal, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), label="equal shares")
        axes.set(title=title, ylabel="mean share of |attribution|, %", xlim=(-0.6, len(LEADS) - 0.4))
        axes.set_xticks(leads, LEADS)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        handles = [*axes.containers, line]
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), title="predicted class (rows)")
        figure.supxlabel(CAVEAT, fontsize=8, color=GREY)
        add_banner(figure, banner)
    return figure
