"""The headline scores of several arms with their intervals, beside published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from veribeat.plots.style import GREY, add_banner, drawing, new_figure

REFERENCE_COLOUR: Final = "#D55E00"


@dataclass(frozen=True)
class Score:
    """A metric's value for one arm; None where it is undefined, and no interval where nobody made one."""

    value: float | None
    interval: tuple[float, float] | None = None


def score_intervals(
    scores: Mapping[str, Mapping[str, Score]],
    references: Mapping[str, Sequence[tuple[str, float]]],
    title: str,
    banner: str | None = None,
) -> Figure:
    """Draw a panel per metric, with a point and an interval for each arm, and published values as dashed lines.

    Args:
        scores: metric -> arm -> score; every metric has the same arms.
        references: metric -> (name, value) of what is published of it; metrics may be left out.
        title: says which records.
        banner: a line above the figure, such as "simulated cohort".
    """
    arms = list(next(iter(scores.values())))
    with drawing():
        figure = new_figure(4.8, 1.5 + 0.3 * len(arms))
        panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
        for axes, (metric, of_arms) in zip(panels, scores.items(), strict=True):
            for name, value in references.get(metric, ()):
                axes.axvline(value, color=REFERENCE_COLOUR, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
                axes.annotate(
                    f"{name} {value:.3f}",
                    (value, 1),
                    (0, 2),
                    xycoords=axes.get_xaxis_transform(),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                    color=REFERENCE_COLOUR,
                )
            for row, arm in enumerate(arms):
                score = of_arms[arm]
                if score.value is None:
                    continue
                if score.interval:
                    axes.plot(score.interval, (row, row), color=GREY, linewidth=2, solid_capstyle="butt")
                axes.plot(score.value, row, marker="o", markersize=6, color="black", markeredgecolor="white")
            axes.set(xlabel=metric, ylim=(len(arms) - 0.5, -0.5))
            axes.set_yticks(range(len(arms)), arms)
            axes.tick_params(axis="y", length=0)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(visible=False, axis="y")
        panels[0].set_title(title, pad=16)
        add_banner(figure, banner)
    return figure
