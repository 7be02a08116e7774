"""Median beats of queries and of their counterfactuals, one case per row, one lead per column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.plots.counterfactual import OTHER_COLOUR
from veribeat.plots.ecg_paper import INK, clinical_name
from veribeat.plots.style import GREY, add_banner, drawing, new_figure
from veribeat.signal.median_beat import OFFSETS

ROW_INCHES: Final = 1.25
LEAST_SPAN_MV: Final = 1.0
"""Height of a row, at least."""


@dataclass(frozen=True)
class BeatCase:
    """A query and a counterfactual, by their median beats (111, 12) in mV, and what to say of them."""

    title: str
    note: str
    query_mv: NDArray[np.float64]
    changed_mv: NDArray[np.float64]


def beat_gallery(cases: Sequence[BeatCase], title: str, banner: str | None = None) -> Figure:
    """Draw every case: the query black, the counterfactual blue, all leads of a row to one scale.

    Args:
        cases: from top to bottom, one at least.
        title: of the figure.
        banner: a line above the figure, such as "simulated cohort".
    """
    seconds = OFFSETS / SAMPLING_RATE
    with drawing():
        figure = new_figure(13.0, 0.6 + ROW_INCHES * len(cases))
        rows = figure.subfigures(len(cases), 1, squeeze=False)[:, 0]
        for place, (row, case) in enumerate(zip(rows, cases, strict=True)):
            both = np.concatenate([case.query_mv, case.changed_mv])
            middle, span = (both.max() + both.min()) / 2, max(np.ptp(both), LEAST_SPAN_MV)
            row.suptitle(f"{case.title}   {case.note}", x=0.01, ha="left", fontsize=8)
            for lead, axes in zip(LEADS, row.subplots(1, len(LEADS), sharey=True), strict=True):
                column = LEADS.index(lead)
                axes.plot(seconds, case.changed_mv[:, column], color=OTHER_COLOUR, linewidth=1.2)
                axes.plot(seconds, case.query_mv[:, column], color=INK, linewidth=0.8)
                axes.set(xlim=(seconds[0], seconds[-1]), ylim=(middle - 0.55 * span, middle + 0.55 * span))
                axes.set_xticks([0], [""])
                axes.tick_params(length=0, labelsize=7)
                axes.spines[:].set_visible(False)
                if place == 0:
                    axes.set_title(clinical_name(lead), fontsize=8)
        figure.supxlabel(
            f"{title}. Median beats, 0.4 s before to 0.7 s after the R-peak; mV. Black: query. Blue: counterfactual.",
            fontsize=8,
            color=GREY,
        )
        add_banner(figure, banner)
    return figure
