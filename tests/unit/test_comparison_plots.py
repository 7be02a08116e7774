"""Figures of a comparison: what is drawn, and the same bytes for the same numbers."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from veribeat.conventions import SUPERCLASSES
from veribeat.plots.comparison import (
    ArmCurve,
    ArmPoint,
    curves_by_cost,
    quality_against_cost,
    recall_by_class,
)
from veribeat.plots.selection import DroppedRecord, dropped_records, focus_over_epochs, selection_over_epochs
from veribeat.plots.svg import svg_text

ARMS = [f"arm {k}" for k in range(9)]
COSTS = ("effective epochs", "forward-equivalents")


def _points() -> dict[str, ArmPoint]:
    return {
        arm: ArmPoint(
            0.7 + k / 100, (0.69, 0.75), (0.7, 0.72), dict(zip(COSTS, (k + 1.0, 3.0 * k + 3), strict=True))
        )
        for k, arm in enumerate(ARMS)
    }


def _records() -> list[DroppedRecord]:
    random = np.random.default_rng(0)
    return [
        DroppedRecord(k, ("MI", "HYP") if k else (), 3, 4, random.normal(0, 1, (1000, 12)).astype(np.float32))
        for k in range(3)
    ]


def _figures() -> dict[str, Figure]:
    random = np.random.default_rng(1)
    return {
        "quality": quality_against_cost(_points(), "arm 2", "macro-F1"),
        "curves": curves_by_cost(
            {arm: [ArmCurve(np.arange(4.0), random.random(4)) for _ in range(2)] for arm in ARMS},
            "F1",
            "cost",
        ),
        "recall": recall_by_class({arm: dict.fromkeys(SUPERCLASSES, 0.5) for arm in ARMS}),
        "selection": selection_over_epochs(
            {arm: {"kept": np.full(4, 0.4), "dropped": np.full(4, 0.2)} for arm in ARMS[:3]}
        ),
        "focus": focus_over_epochs({"arm": np.vstack((np.zeros(20), np.arange(20.0)))}, "simulated cohort"),
        "records": dropped_records(_records()),
    }


@pytest.mark.parametrize("name", _figures())
def test_the_same_numbers_make_the_same_figure(name: str) -> None:
    assert svg_text(_figures()[name]) == svg_text(_figures()[name])


def test_arms_can_be_told_apart() -> None:
    (legend,) = _figures()["quality"].legends
    looks = {(handle.get_color(), handle.get_marker()) for handle in legend.get_lines()}
    assert len(looks) == len(ARMS)
    assert [text.get_text() for text in legend.get_texts()] == ARMS


def test_quality_is_where_it_belongs_and_the_reference_is_a_cross_of_lines() -> None:
    figure = _figures()["quality"]
    axes = figure.axes[1]
    marked = [
        line.get_xydata()[0].tolist()
        for line in axes.lines
        if line.get_markersize() == 7 and len(line.get_xydata()) == 1
    ]
    assert [3.0 * 4 + 3, 0.74] in [[x, round(y, 6)] for x, y in marked]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert sorted(float(line.get_xdata()[0]) for line in dashed) == [0.0, 9.0]


def test_shares_add_up_from_kept_to_learnt() -> None:
    axes = _figures()["selection"].axes[0]
    heights = {container.get_label(): container[0].get_height() for container in axes.containers}
    assert heights == pytest.approx({"learnt": 1.0, "dropped by the filter": 0.2, "trained on": 0.4})
    dropped = next(c for c in axes.containers if c.get_label() == "dropped by the filter")
    assert dropped[0].get_y() == 0.4


def test_focus_is_a_share_of_each_epochs_candidates() -> None:
    image = _figures()["focus"].axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(image[:, 0], np.nan)).all()
    assert image[:, 1].sum() == pytest.approx(1)
    assert image[19, 1] == pytest.approx(19 / 190)


def test_dropped_records_say_what_they_are() -> None:
    titles = [axes.get_title(loc="left") for axes in _figures()["records"].axes]
    assert titles[:2] == ["0: no superclass, dropped 3 of 4 times", "1: MI HYP, dropped 3 of 4 times"]
    highest = max(
        line.get_ydata().max() for line in _figures()["records"].axes[0].lines if len(line.get_ydata()) > 2
    )
    assert highest <= 0  # cut off within the strip
