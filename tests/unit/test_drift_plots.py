"""The map of drift: what is in its cells."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from veribeat.errors import InputError
from veribeat.plots.drift import drift_map
from veribeat.plots.svg import svg_text


def verdicts() -> dict[str, pd.DataFrame]:
    columns = ["feature", "kind", "device", "n_reference", "n_batch", "psi", "drifted"]
    first = [
        ("device", "category", "all", 900, 300, 0.01, False),
        ("device", "category", "NEW", 0, 20, np.nan, True),
        ("device", "category", "RARE", 7, 20, np.nan, False),
        ("noise", "number", "A", 500, 100, 0.41, False),  # large, but not more than chance
        ("noise", "number", "B", 400, 200, 0.33, True),
        ("noise", "missing", "B", 400, 200, 0.02, False),
    ]
    second = [
        ("device", "category", "all", 900, 300, 0.02, False),
        ("noise", "number", "A", 9, 9, np.nan, False),
    ]
    return {name: pd.DataFrame(rows, columns=columns) for name, rows in (("May", first), ("June", second))}


def cells(figure: Figure) -> dict[tuple[float, float], str]:
    """(column, row) -> text."""
    return {text.get_position(): text.get_text() for text in figure.axes[0].texts}


def test_cells_show_the_largest_psi_of_the_devices_that_drifted() -> None:
    figure = drift_map(verdicts(), 0.2)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "device mix", "noise", "noise, missing", "device not in the reference",
    ]  # fmt: skip
    assert [label.get_text() for label in axes.get_xticklabels()] == ["May", "June"]
    found = cells(figure)
    assert [found[0, row] for row in range(4)] == ["0.01", "0.33", "0.02", "1"]
    assert [found[1, row] for row in range(4)] == ["0.02", "–", "–", "0"]


def test_verdicts_are_marked() -> None:
    marks = [
        line.get_xydata()[0] for line in drift_map(verdicts(), 0.2).axes[0].lines if line.get_marker() == "<"
    ]
    assert sorted((round(x), round(y)) for x, y in marks) == [(0, 1), (0, 3)]


def test_the_same_verdicts_make_the_same_figure() -> None:
    assert svg_text(drift_map(verdicts(), 0.2, "simulated cohort")) == svg_text(
        drift_map(verdicts(), 0.2, "simulated cohort")
    )


def test_without_a_batch_there_is_nothing_to_draw() -> None:
    with pytest.raises(InputError, match="no batch"):
        drift_map({}, 0.2)
