"""One look for all figures, and PNG files whose bytes depend on the figure alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

SUPERCLASS_COLOURS: Final[dict[str, str]] = {
    "NORM": "#0072B2",  # blue
    "MI": "#D55E00",  # vermilion
    "STTC": "#009E73",  # green
    "CD": "#CC79A7",  # purple
    "HYP": "#E69F00",  # orange
}
"""Okabe and Ito's palette, which colour-blind readers can tell apart: one colour per superclass."""

SUPERCLASS_LINES: Final[dict[str, str | tuple[int, tuple[int, ...]]]] = {
    "NORM": "solid",
    "MI": (0, (6, 2)),
    "STTC": (0, (1, 1)),
    "CD": (0, (4, 1, 1, 1)),
    "HYP": (0, (8, 2, 1, 2, 1, 2)),
}
"""Line styles that tell the superclasses apart in grey print, too."""

TRAINING_COLOUR: Final = "#56B4E9"  # sky blue and black: of the same palette, taken by no superclass
VALIDATION_COLOUR: Final = "#000000"
GREY: Final = "#666666"
SIMULATED_BANNER: Final = "simulated cohort"
"""What every figure of simulated records says."""
DPI: Final = 150

_SETTINGS: Final[dict[str, object]] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same glyphs
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with matplotlib's defaults and the settings above, whatever the user's own matplotlibrc says."""
    with style.context(["default", _SETTINGS]), mpl.rc_context({"path.sketch": None}):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, with no global pyplot state behind it."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def add_banner(figure: Figure, banner: str | None) -> None:
    """Write a line such as "simulated cohort" above the figure, where it cannot be taken for the title."""
    if banner:
        figure.suptitle(banner, x=0.99, ha="right", fontsize=8, style="italic", color="#A00000")


def save_png(figure: Figure, path: Path, colours: int | None = None) -> None:
    """Write the figure as PNG: same figure, same bytes; no date, no version of the library.

    With `colours` (at most 256) it is reduced to so many, which makes a large page of fine lines a third of the size.
    """
    scratch = path.with_name(f".{path.name}.part")
    with drawing():
        figure.savefig(scratch, format="png", dpi=DPI, metadata={"Software": None})
    if colours is not None:
        with Image.open(scratch) as image:
            reduced = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
        reduced.save(scratch, format="png", optimize=True)
    scratch.replace(path)
