"""Explanations on ECG paper: a query, a prototype, one over the other, and attributions behind them ([CF] Fig 8-14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.plots.ecg_paper import (
    INK,
    MM_PER_INCH,
    MM_PER_SAMPLE,
    PAPER_COLOUR,
    Paper,
    clinical_name,
    draw_trace,
    new_paper,
)
from veribeat.plots.style import drawing

OTHER_COLOUR: Final = "#0072B2"
"""Of what lies over the query: blue, which neither the paper's pink nor the attributions' orange hides."""
CHANGED_COLOUR: Final = "#56B4E9"

AGAINST_COLOUR: Final = "#5E3C99"
FOR_COLOUR: Final = "#E66101"
"""Purple and orange, which colour-blind readers can tell apart; the fainter, the less an attribution is."""
HEAT_SAMPLES: Final = 4
"""Samples per column of attributions: 40 ms, a small square of the paper."""
SATURATED: Final = 0.99
"""Share of the columns that lie within the scale of colours; the rest have the colour of its ends."""

UNDERLINE_MM: Final = 1
"""Where attributions colour the paper, what was changed is underlined, not shaded."""

COLOUR_BAR_MM: Final = 16
"""Height of the strip below the paper that explains the colours of attributions."""

_HEAT_MAP: Final = LinearSegmentedColormap.from_list(
    "attribution",
    [
        (0.0, to_rgba(AGAINST_COLOUR, 0.85)),
        (0.5, to_rgba(AGAINST_COLOUR, 0)),
        (0.5, to_rgba(FOR_COLOUR, 0)),
        (1.0, to_rgba(FOR_COLOUR, 0.85)),
    ],
)


@dataclass(frozen=True)
class Labelled:
    """A signal (1000, 12) in mV, what to call it, and what the classifier says of it."""

    name: str
    signal_mv: NDArray[np.float32]
    probabilities: NDArray[np.floating]
    labels: Sequence[str]

    @property
    def prediction(self) -> str:
        """The predicted label set with its probabilities, such as "CD 0.81 + HYP 0.62"."""
        by_class = dict(zip(SUPERCLASSES, map(float, self.probabilities), strict=True))
        if self.labels:
            return " + ".join(f"{name} {by_class[name]:.2f}" for name in self.labels)
        best = max(by_class, key=by_class.__getitem__)
        return f"no superclass (most probable: {best} {by_class[best]:.2f})"

    @property
    def all_probabilities(self) -> str:
        """The probability of every superclass."""
        pairs = zip(SUPERCLASSES, map(float, self.probabilities), strict=True)
        return "Probabilities: " + ", ".join(f"{name} {value:.2f}" for name, value in pairs)


@dataclass(frozen=True)
class Heat:
    """Attributions (1000, 12) for one superclass: `meaning` goes before its name, `of` is the signal they are of."""

    values: NDArray[np.floating]
    superclass: str
    of: str
    meaning: str


def query_figure(query: Labelled, banner: str | None = None, start_s: float = 0.0) -> Figure:
    """Draw the recording that is to be explained ([CF] Fig 8).

    Args:
        query: the recording.
        banner: a line above the figure, such as "simulated cohort".
        start_s: time of its first sample, in s.
    """
    return _alone(query, f"{query.name}: predicted {query.prediction}", banner, start_s)


def prototype_figure(prototype: Labelled, superclass: str, banner: str | None = None) -> Figure:
    """Draw a prototype of `superclass` as it was recorded ([CF] Fig 9)."""
    title = f"{prototype.name} of {superclass}: predicted {prototype.prediction}"
    return _alone(prototype, title, banner, 0.0)


def overlay_figure(
    query: Labelled,
    other: Labelled,
    mask: NDArray[np.bool_] | None = None,
    heat: Heat | None = None,
    banner: str | None = None,
    start_s: float = 0.0,
) -> Figure:
    """Draw the query in black and a prototype or a counterfactual in blue ([CF] Fig 10-14).

    Args:
        query: the recording that is explained.
        other: what it is compared with.
        mask: (1000, 12) where `other` is to be seen: what was changed, which is shaded, or underlined where
            there is `heat`. None: everywhere, without shading.
        heat: attributions behind the traces.
        banner: a line above the figure, such as "simulated cohort".
        start_s: time of the first sample, in s.
    """
    details = [(f"{other.name} (blue): predicted {other.prediction}", OTHER_COLOUR)]
    if mask is not None:
        details.append((f"Edits cover {_extent(mask)}", INK))
    with drawing():
        paper = new_paper(
            (query.signal_mv, other.signal_mv),
            f"{query.name} (black): predicted {query.prediction}",
            details,
            banner,
            start_s,
            below_mm=0 if heat is None else COLOUR_BAR_MM,
        )
        if heat is not None:
            _draw_heat(paper, heat)
        shown = other.signal_mv
        if mask is not None:
            _shade(paper, mask, depth_mm=None if heat is None else UNDERLINE_MM)
            shown = np.where(_with_neighbours(mask), other.signal_mv, np.nan)
        draw_trace(paper, shown, OTHER_COLOUR, width=1.4)
        draw_trace(paper, query.signal_mv)
    return paper.figure


def _alone(shown: Labelled, title: str, banner: str | None, start_s: float) -> Figure:
    with drawing():
        paper = new_paper((shown.signal_mv,), title, ((shown.all_probabilities, INK),), banner, start_s)
        draw_trace(paper, shown.signal_mv)
    return paper.figure


def _extent(mask: NDArray[np.bool_]) -> str:
    """How much of a recording `mask` (1000, 12) is, and in which leads."""
    leads = [clinical_name(LEADS[column]) for column in np.flatnonzero(mask.any(axis=0))]
    where = (
        "all 12 leads" if len(leads) == len(LEADS) else f"leads {', '.join(leads)}" if leads else "no lead"
    )
    return f"{mask.mean():.1%} of the recording, {where}"


def _with_neighbours(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` (samples, leads) and one sample more on either side, so that pieces join the trace."""
    wider = mask.copy()
    wider[1:] |= mask[:-1]
    wider[:-1] |= mask[1:]
    return wider


def _shade(paper: Paper, mask: NDArray[np.bool_], depth_mm: float | None) -> None:
    """Shade what `mask` (1000, 12) says in the strip of each lead, or no more than its lowest `depth_mm`."""
    for lead, (top, bottom) in enumerate(pairwise(paper.edges_mm)):
        edges = np.flatnonzero(np.diff(mask[:, lead], prepend=False, append=False)) - 0.5
        spans = [
            (start * MM_PER_SAMPLE, (end - start) * MM_PER_SAMPLE) for start, end in edges.reshape(-1, 2)
        ]
        height = top - bottom if depth_mm is None else depth_mm
        colour = to_rgba(CHANGED_COLOUR, 0.25 if depth_mm is None else 1)
        paper.axes.broken_barh(spans, (bottom, height), facecolor=colour, linewidth=0, zorder=0.7)


def _draw_heat(paper: Paper, heat: Heat) -> None:
    """A column per small square of the paper, its colour the sum of the attributions in it."""
    columns = heat.values.reshape(-1, HEAT_SAMPLES, heat.values.shape[1]).sum(axis=1)
    limit = (
        float(np.quantile(np.abs(columns), SATURATED)) or 1.0
    )  # where nothing contributes, nothing is coloured
    scale = Normalize(-limit, limit)
    edges = np.arange(len(columns) + 1) * HEAT_SAMPLES * MM_PER_SAMPLE
    for lead, (top, bottom) in enumerate(pairwise(paper.edges_mm)):
        paper.axes.pcolormesh(
            edges,
            (bottom, top),
            columns[:, lead][None],
            cmap=_HEAT_MAP,
            norm=scale,
            rasterized=True,  # as paths, each of the 3000 columns would have a seam
            zorder=0.6,
        )
    height = paper.figure.get_figheight() * MM_PER_INCH
    bar = paper.figure.add_axes((0.3, 11 / height, 0.4, 2.5 / height), facecolor=PAPER_COLOUR)
    paper.figure.colorbar(ScalarMappable(scale, _HEAT_MAP), cax=bar, orientation="horizontal", extend="both")
    bar.tick_params(labelsize=8)
    bar.set_xlabel(
        f"{heat.meaning} {heat.superclass}, of {heat.of}, per 40 ms and lead:"
        f" orange speaks for {heat.superclass}, purple against it",
        fontsize=8,
    )
