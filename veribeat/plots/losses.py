"""The training curves of several arms in one figure."""

from collections.abc import Mapping
from itertools import cycle
from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from veribeat.errors import InputError
from veribeat.plots.style import GREY, add_banner, drawing, new_figure

ARM_COLOURS: Final = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, in an order in which neighbours differ in brightness, too; begins anew after seven."""

TRAINING_LINE: Final = (0, (1, 1.2))


def arm_losses(
    histories: Mapping[str, pd.DataFrame], best_epochs: Mapping[str, int], banner: str | None = None
) -> Figure:
    """Draw each arm's training loss (dotted) and validation loss per epoch, and mark the epoch that was kept.

    Args:
        histories: per arm the columns epoch, train_loss, val_loss (mean binary cross-entropy), one row per epoch.
        best_epochs: per arm the epoch whose weights were kept.
        banner: a line above the figure, such as "simulated cohort".

    Raises:
        InputError: an arm's best epoch is not in its history.
    """
    for arm, history in histories.items():
        if (history["epoch"] == best_epochs[arm]).sum() != 1:
            raise InputError(
                f"The best epoch {best_epochs[arm]} is not one row of the training history of arm '{arm}'; train again."
            )
    with drawing():
        figure = new_figure(4.8, 3.4)
        axes = figure.add_subplot()
        for (arm, history), colour in zip(histories.items(), cycle(ARM_COLOURS), strict=False):
            marker = "." if len(history) == 1 else ""  # a line through one point is invisible
            axes.plot(
                history["epoch"], history["train_loss"], color=colour, linestyle=TRAINING_LINE, marker=marker
            )
            axes.plot(history["epoch"], history["val_loss"], color=colour, marker=marker)
            best = history[history["epoch"] == best_epochs[arm]]
            axes.plot(
                best["epoch"],
                best["val_loss"],
                color=colour,
                marker="o",
                markersize=6,
                markeredgecolor="white",
                label=f"{arm}: epoch {best_epochs[arm]}, validation loss {best['val_loss'].iloc[0]:.4f}",
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set(title="Training and validation loss", xlabel="epoch", ylabel="binary cross-entropy")
        axes.legend(
            handles=[
                Line2D([], [], color=GREY, linestyle=TRAINING_LINE, label="training"),
                Line2D([], [], color=GREY, label="validation"),
                Line2D([], [], color=GREY, marker="o", linestyle="", label="kept"),
            ],
            loc="upper right",
        )
        figure.legend(loc="outside lower center")
        add_banner(figure, banner)
    return figure
