"""Figures as SVG text that depends on the figure alone."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

from veribeat.plots.style import drawing


def svg_text(figure: Figure) -> str:
    """The figure as an SVG document; same figure, same text: no date, no version of the library, no random ids.

    Letters are drawn as outlines, so that every machine shows the same glyphs.
    """
    file = io.StringIO()
    with drawing(), mpl.rc_context({"svg.hashsalt": "veribeat", "svg.fonttype": "path"}):
        figure.savefig(
            file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return file.getvalue()
