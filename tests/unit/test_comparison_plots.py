"""Figures of a comparison: what is drawn, and the same bytes for the same numbers."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from veribeat.conventions import SUPERCLASSES
from veribeat.plots.comparison import (
    ArmCurve,
    ArmPoint,
    curves_by_cost,
    quality_against_cost,
    recall_by_class,
    spread,
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


def _figure(name: str) -> Figure:
    random = np.random.default_rng(1)
    match name:
        case "quality":
            return quality_against_cost(_points(), "arm 2", "macro-F1")
        case "curves":
            curves = {arm: [ArmCurve(np.arange(4.0), random.random(4)) for _ in range(2)] for arm in ARMS}
            return curves_by_cost(curves, "F1", "cost")
        case "recall":
            return recall_by_class({arm: dict.fromkeys(SUPERCLASSES, 0.5) for arm in ARMS})
        case "selection":
            shares = {"kept": np.full(4, 0.4), "dropped": np.full(4, 0.2)}
            return selection_over_epochs(dict.fromkeys(ARMS[:3], shares))
        case "focus":
            counts = np.vstack((np.zeros(20), np.arange(20.0)))
            return focus_over_epochs({"arm": counts}, "simulated cohort")
    return dropped_records(_records())


@pytest.mark.parametrize("name", ["quality", "curves", "recall", "selection", "focus", "records"])
def test_the_same_numbers_make_the_same_figure(name: str) -> None:
    assert svg_text(_figure(name)) == svg_text(_figure(name))


def _names(axes: Axes) -> dict[str, float]:
    """Arm -> place of its label, in heights of the axes."""
    return {text.get_text(): text.get_position()[1] for text in axes.texts if text.get_text()}


def test_arms_can_be_told_apart() -> None:
    axes = _figure("quality").axes[0]
    looks = [
        (line.get_color(), line.get_marker()) for line in axes.lines if line.get_transform() == axes.transAxes
    ]
    assert len(set(looks)) == len(looks) == len(ARMS)
    assert list(_names(axes)) == ARMS


@pytest.mark.parametrize("name", ["quality", "curves"])
def test_labels_overlap_neither_each_other_nor_the_next_panel(name: str) -> None:
    figure = _figure(name)
    figure.canvas.draw()
    boxes = [
        text.get_window_extent() for axes in figure.axes for text in axes.texts if text.get_text() in ARMS
    ]
    assert len(boxes) == len(ARMS) * len(figure.axes)
    assert not any(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k])
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)


def test_labels_stand_in_the_order_of_quality() -> None:
    best_first = dict(reversed(_points().items()))
    places = list(_names(quality_against_cost(best_first, "arm 2", "macro-F1").axes[0]).values())
    assert places == sorted(places, reverse=True)


@pytest.mark.parametrize(
    ("wanted", "pitch", "expected"),
    [
        ([0.2, 0.8], 0.1, [0.2, 0.8]),  # far apart: where they want to be
        ([0.5, 0.5], 0.2, [0.4, 0.6]),  # both give way
        ([0.8, 0.2, 0.8], 0.1, [0.75, 0.2, 0.85]),
        ([0.95, 1.0], 0.2, [0.8, 1.0]),  # not beyond the end
        ([0.9, np.nan], 0.3, [0.9, 0.0]),
        ([0.5, 0.5, 0.5], 0.6, [0.0, 0.6, 1.2]),  # there is no room
    ],
)
def test_places_are_apart_and_near_to_what_is_wanted(
    wanted: list[float], pitch: float, expected: list[float]
) -> None:
    assert spread(np.array(wanted), pitch) == pytest.approx(expected)


def _dashed(axes: Axes) -> list[float]:
    return sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "--")


def test_quality_is_where_it_belongs_and_the_reference_is_a_cross_of_lines() -> None:
    figure = _figure("quality")
    axes = figure.axes[1]
    marked = [
        line.get_xydata()[0].tolist()
        for line in axes.lines
        if line.get_markersize() == 7 and len(line.get_xydata()) == 1
    ]
    assert [3.0 * 4 + 3, 0.74] in [[x, round(y, 6)] for x, y in marked]
    assert _dashed(axes) == [0.0, 9.0]
    (upper,) = axes.child_axes
    figure.canvas.draw()
    assert np.array(upper.get_xlim()) == pytest.approx(np.array(axes.get_xlim()) / 9)


def test_without_the_reference_there_is_nothing_to_compare_with() -> None:
    axes = quality_against_cost(_points(), "another", "macro-F1").axes[1]
    assert _dashed(axes) == []
    assert not axes.child_axes


def _lines(figure: Figure, width: float) -> list[list[list[float]]]:
    return [line.get_xydata().tolist() for line in figure.axes[0].lines if line.get_linewidth() == width]


def test_the_line_of_an_arm_is_the_mean_of_its_seeds_while_all_last() -> None:
    one = ArmCurve(np.array([1.0, 2.0]), np.array([0.2, 0.4]))
    longer = ArmCurve(np.array([3.0, 4.0, 5.0]), np.array([0.4, 0.8, 0.9]))
    figure = curves_by_cost({"arm": [longer, one], "alone": [one]}, "F1", "cost")
    mean, alone = (np.array(line) for line in _lines(figure, 1.5)[:2])
    assert mean == pytest.approx(np.array([[2, 0.3], [3, 0.6]]))
    assert alone == pytest.approx(np.array([[1, 0.2], [2, 0.4]]))
    assert len(_lines(figure, 0.5)) == 2  # a single seed is its own mean


def test_only_long_runs_are_cut_off_and_the_axis_says_so() -> None:
    def axes(epochs: int) -> Axes:
        curve = ArmCurve(np.arange(epochs) + 1.0, np.linspace(0, 1, epochs))
        return curves_by_cost({"arm": [curve]}, "F1", "cost").axes[0]

    assert axes(5).get_ylim()[0] < 0
    assert axes(5).get_ylabel() == "F1"
    assert axes(11).get_ylim()[0] == pytest.approx(0.2)
    assert axes(11).get_ylabel() == "F1 (lowest fifth cut off)"


def test_shares_add_up_from_kept_to_learnt() -> None:
    axes = _figure("selection").axes[0]
    heights = {container.get_label(): container[0].get_height() for container in axes.containers}
    assert heights == pytest.approx({"not a candidate": 1.0, "dropped by the filter": 0.2, "trained on": 0.4})
    dropped = next(c for c in axes.containers if c.get_label() == "dropped by the filter")
    assert dropped[0].get_y() == 0.4


def test_focus_is_a_share_of_each_epochs_candidates() -> None:
    image = _figure("focus").axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(image[:, 0], np.nan)).all()
    assert image[:, 1].sum() == pytest.approx(1)
    assert image[19, 1] == pytest.approx(19 / 190)


def test_dropped_records_say_what_they_are() -> None:
    titles = [axes.get_title(loc="left") for axes in _figure("records").axes]
    assert titles[:2] == ["0: no superclass, dropped 3 of 4 times", "1: MI HYP, dropped 3 of 4 times"]
    highest = max(
        line.get_ydata().max() for line in _figure("records").axes[0].lines if len(line.get_ydata()) > 2
    )
    assert highest <= 0  # cut off within the strip
