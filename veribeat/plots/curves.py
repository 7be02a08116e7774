"""Curves of a trained classifier: its losses ([CF] Fig 6) and its ROC curves ([CF] Fig 7)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.plots.style import (
    GREY,
    SUPERCLASS_COLOURS,
    SUPERCLASS_LINES,
    TRAINING_COLOUR,
    VALIDATION_COLOUR,
    add_banner,
    drawing,
    new_figure,
)


def loss_curve(history: pd.DataFrame, best_epoch: int, banner: str | None = None) -> Figure:
    """Draw training and validation loss per epoch and mark the epoch whose weights were kept ([CF] Fig 6).

    Args:
        history: columns epoch, train_loss, val_loss (mean binary cross-entropy), one row per epoch.
        best_epoch: a value of the column epoch.
        banner: a line above the figure, such as "simulated cohort".

    Raises:
        InputError: a column is missing or the best epoch is not in the history.
    """
    missing = [name for name in ("epoch", "train_loss", "val_loss") if name not in history]
    if missing:
        raise InputError(f"The training history has no column {', '.join(missing)}; train again.")
    best = history.loc[history["epoch"] == best_epoch, "val_loss"]
    if len(best) != 1:
        raise InputError(f"The best epoch {best_epoch} is not one row of the training history; train again.")
    with drawing():
        figure = new_figure(6.0, 3.6)
        axes = figure.add_subplot()
        marker = "o" if len(history) == 1 else ""  # a line through one point is invisible
        for column, colour, name in (
            ("train_loss", TRAINING_COLOUR, "training"),
            ("val_loss", VALIDATION_COLOUR, "validation"),
        ):
            axes.plot(history["epoch"], history[column], color=colour, marker=marker, label=name)
        axes.axvline(best_epoch, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
        axes.plot(
            [best_epoch],
            [best.iloc[0]],
            marker="o",
            markersize=5,
            linestyle="",
            color=VALIDATION_COLOUR,
            markeredgecolor="white",
            label=f"kept: epoch {best_epoch}, validation loss {best.iloc[0]:.4f}",
        )
        axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set(title="Training and validation loss", xlabel="epoch", ylabel="binary cross-entropy")
        figure.legend(
            loc="outside lower center", ncols=3
        )  # inside, it may cover the few points of a short run
        add_banner(figure, banner)
    return figure


def roc_curves(points: pd.DataFrame, auroc: Mapping[str, float | None], banner: str | None = None) -> Figure:
    """Draw the one-versus-rest ROC curve of each superclass on validation, its AUC in the legend ([CF] Fig 7).

    Args:
        points: columns class, false_positive_rate, true_positive_rate (`metrics.classification.roc_points`).
        auroc: area per class; None where it is undefined, which the legend says.
        banner: a line above the figure, such as "simulated cohort".
    """
    with drawing():
        figure = new_figure(4.6, 4.6)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
        for name in SUPERCLASSES:
            curve = points[points["class"] == name]
            area = auroc[name]
            axes.plot(
                curve["false_positive_rate"],
                curve["true_positive_rate"],
                color=SUPERCLASS_COLOURS[name],
                linestyle=SUPERCLASS_LINES[name],
                label=f"{name}: one label only, no curve" if area is None else f"{name}: AUC {area:.3f}",
            )
        axes.set(
            title="ROC curves, validation",
            xlabel="false positive rate (1 - specificity)",
            ylabel="true positive rate (sensitivity)",
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
            xticks=np.arange(6) / 5,
            yticks=np.arange(6) / 5,
            aspect="equal",
        )
        axes.legend(loc="lower right", handlelength=3.2)
        add_banner(figure, banner)
    return figure
