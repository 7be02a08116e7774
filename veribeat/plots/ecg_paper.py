"""Twelve leads on ECG paper: 25 mm/s and 10 mm/mV, true to scale where a figure is printed 297 mm wide (A4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from veribeat.conventions import LEADS, SAMPLING_RATE
from veribeat.plots.style import DPI, GREY, add_banner

MM_PER_S: Final = 25
MM_PER_MV: Final = 10
MM_PER_SAMPLE: Final = MM_PER_S / SAMPLING_RATE

PAPER_COLOUR: Final = "#FFF7F6"
FINE_COLOUR: Final = "#F8DAD7"
BOLD_COLOUR: Final = "#EBAFA9"
INK: Final = "#000000"

MM_PER_INCH: Final = 25.4
_PAGE_MM: Final = 297  # width of A4 landscape
_LEFT_MM: Final = 20  # of paper before the first sample: name of the lead, calibration pulse
_ABOVE_MM: Final = 19  # for the title
_BELOW_MM: Final = 15  # for the axis of time and the scale
_GAP_MM: Final = 3  # least distance of two traces
_LEAST_PITCH_MM: Final = 12  # of two baselines, so that the calibration pulses stay apart
_NEAR: Final = (
    5  # samples: traces this close in time keep their distance, as they stand side by side to the eye
)
_TALLEST_MM: Final = 300  # of paper; beyond it the gain is halved
_PULSE_MM: Final = ((-9, 0), (-7.5, 0), (-7.5, 1), (-2.5, 1), (-2.5, 0), (-1, 0))  # x, and y in mV

_HALO: Final = (
    patheffects.withStroke(linewidth=2.5, foreground=PAPER_COLOUR),
)  # keeps text legible on the grid


@dataclass(frozen=True)
class Paper:
    """An empty sheet: axes in mm with the origin at the first sample, and the place of each lead on it."""

    figure: Figure
    axes: Axes
    baselines_mm: NDArray[np.float64]
    """(12,) where each lead is 0 mV; the axis points up, so that they are negative and fall from lead to lead."""
    edges_mm: NDArray[np.float64]
    """(13,) top and bottom of the strips, one below the other, that belong to the leads."""
    mm_per_mv: float
    samples: int


def new_paper(
    signals_mv: Sequence[NDArray[np.floating]],
    title: str,
    details: Sequence[tuple[str, str]] = (),
    banner: str | None = None,
    start_s: float = 0.0,
    below_mm: float = 0.0,
) -> Paper:
    """A sheet on which all of `signals_mv`, (samples, 12) each, have room, with grid, lead names and scale.

    Neighbouring leads stand as close as they can without their traces touching, on whole millimetres. Where that would
    take more than 300 mm, the gain is halved, which the pulse of 1 mV and the line below the paper show.

    Args:
        signals_mv: all that will be drawn, leads in the order of LEADS.
        title: one bold line.
        details: at most two lines below it, each with its colour.
        banner: a line above the figure, such as "simulated cohort".
        start_s: time of the first sample, in s.
        below_mm: height of a free strip at the bottom of the figure, such as for a colour bar.
    """
    samples = len(signals_mv[0])
    mm_per_mv, baselines, edges = _place_leads(signals_mv)
    depth = -edges[-1]
    height = _ABOVE_MM + depth + _BELOW_MM + below_mm
    figure = Figure(figsize=(_PAGE_MM / MM_PER_INCH, height / MM_PER_INCH), dpi=DPI)
    FigureCanvasAgg(figure)
    width = _LEFT_MM + samples * MM_PER_SAMPLE
    left = (_PAGE_MM - width) / 2
    axes = figure.add_axes(
        (left / _PAGE_MM, (_BELOW_MM + below_mm) / height, width / _PAGE_MM, depth / height),
        facecolor=PAPER_COLOUR,
        xlim=(-_LEFT_MM, width - _LEFT_MM),
        ylim=(-depth, 0),
    )
    paper = Paper(figure, axes, baselines, edges, mm_per_mv, samples)
    _draw_grid(axes)
    _draw_leads(paper)
    _draw_time(paper, start_s)
    scale = f"{MM_PER_S} mm/s, {mm_per_mv:g} mm/mV. Research software, not a medical device."
    figure.text((left + width) / _PAGE_MM, (below_mm + 3) / height, scale, ha="right", fontsize=8, color=GREY)
    for line, (text, colour) in enumerate(((title, INK), *details)):
        figure.text(
            left / _PAGE_MM,
            1 - (6 + 4.6 * line) / height,
            text,
            va="center",
            color=colour,
            fontsize=9 if line else 11,
            fontweight="normal" if line else "bold",
        )
    add_banner(figure, banner)
    return paper


def draw_trace(paper: Paper, signal_mv: NDArray[np.floating], colour: str = INK, width: float = 0.8) -> None:
    """Draw `signal_mv` (samples, 12) in mV; NaN is not drawn."""
    times = np.arange(paper.samples) * MM_PER_SAMPLE
    for lead, baseline in enumerate(paper.baselines_mm):
        paper.axes.plot(
            times,
            baseline + signal_mv[:, lead] * paper.mm_per_mv,
            color=colour,
            linewidth=width,
            solid_joinstyle="round",
        )


def clinical_name(lead: str) -> str:
    """As cardiologists write it: aVR for AVR."""
    return lead.replace("AV", "aV")


def _place_leads(
    signals_mv: Sequence[NDArray[np.floating]],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Gain in mm/mV, baselines (12,), and edges (13,) of the leads' strips in mm, from 0 at the top downwards."""
    stacked = np.stack(signals_mv)
    up = maximum_filter1d(stacked.max(axis=0), 2 * _NEAR + 1, axis=0)  # (samples, 12)
    down = maximum_filter1d(-stacked.min(axis=0), 2 * _NEAR + 1, axis=0)
    apart = (down[:, :-1] + up[:, 1:]).max(axis=0)
    highest, deepest = up.max(axis=0).clip(min=0), down.max(axis=0).clip(min=0)
    mm_per_mv = float(MM_PER_MV)
    while True:
        pitches = np.maximum(np.ceil(apart * mm_per_mv + _GAP_MM), _LEAST_PITCH_MM)
        first = max(np.ceil(highest[0] * mm_per_mv), MM_PER_MV) + _GAP_MM
        baselines = -np.cumsum([first, *pitches])
        depth = 5 * np.ceil((_GAP_MM + deepest[-1] * mm_per_mv - baselines[-1]) / 5)  # whole bold squares
        if depth <= _TALLEST_MM:
            break
        mm_per_mv /= 2
    reach = (deepest[:-1] * mm_per_mv + 1, highest[1:] * mm_per_mv + 1)  # into the space between two leads
    between = baselines[:-1] - pitches * reach[0] / (reach[0] + reach[1])
    return mm_per_mv, baselines, np.concatenate(([0.0], between, [-depth]))


def _draw_grid(axes: Axes) -> None:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for step, colour, width in ((1, FINE_COLOUR, 0.35), (5, BOLD_COLOUR, 0.6)):
        upright = [[(x, bottom), (x, top)] for x in np.arange(left, right + 0.5, step)]
        level = [[(left, y), (right, y)] for y in np.arange(bottom, top + 0.5, step)]
        axes.add_collection(
            LineCollection([*upright, *level], colors=colour, linewidths=width, zorder=0.5), autolim=False
        )


def _draw_leads(paper: Paper) -> None:
    x, pulse = np.array(_PULSE_MM).T
    for name, baseline in zip(LEADS, paper.baselines_mm, strict=True):
        paper.axes.plot(x, baseline + pulse * paper.mm_per_mv, color=INK, linewidth=0.8)
        paper.axes.text(
            -18.5, baseline, clinical_name(name), va="center", fontweight="bold", path_effects=_HALO
        )


def _draw_time(paper: Paper, start_s: float) -> None:
    seconds = np.arange(int(paper.samples / SAMPLING_RATE) + 1)
    paper.axes.set_xticks(seconds * MM_PER_S, [f"{start_s + second:g}" for second in seconds])
    paper.axes.set_xlabel("time, s", labelpad=1)
    paper.axes.yaxis.set_major_locator(NullLocator())
    paper.axes.grid(visible=False)
    paper.axes.tick_params(axis="x", length=3, labelsize=8)
    for spine in paper.axes.spines.values():
        spine.set(visible=True, color=BOLD_COLOUR, linewidth=0.6)
