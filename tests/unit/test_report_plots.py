"""Figures of the data card, of several arms' losses and scores, and their text as SVG."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from veribeat.errors import InputError
from veribeat.plots.card import age_histogram, fold_bars, superclass_bars
from veribeat.plots.losses import arm_losses
from veribeat.plots.scores import Score, score_intervals
from veribeat.plots.svg import svg_text

AGE = pd.Series([0.0, 4.0, 52.0, 54.0, 89.0, 300.0, np.nan])
SEX = pd.Series([0, 1, 0, 0, 1, 0, 1])
COUNTS = {"NORM": 5, "MI": 0, "STTC": 2, "CD": 1, "HYP": 1, "none": 1}
ROLES = {"train": [1, 2], "validation": [3], "test": [4], "pool": [4], "background": [3]}
HISTORY = pd.DataFrame({"epoch": range(3), "train_loss": [0.7, 0.5, 0.3], "val_loss": [0.6, 0.4, 0.5]})


def heights(figure):
    return {
        container.get_label(): [bar.get_height() for bar in container]
        for container in figure.axes[0].containers
    }


def test_ages_are_counted_by_sex_and_those_over_89_stand_last():
    bars = heights(age_histogram(AGE, SEX))
    assert list(bars) == ["female", "male"]
    assert np.flatnonzero(bars["female"]).tolist() == [0, 17]  # 4 and 89
    assert np.flatnonzero(bars["male"]).tolist() == [0, 10, 18]  # 0, 52 and 54, over 89
    assert sum(bars["female"]) + sum(bars["male"]) == 6  # the unknown age is not drawn
    cohort_with_ages = heights(age_histogram(pd.Series([90.0, 97.0, 300.0]), pd.Series([0, 0, 0])))
    assert cohort_with_ages["male"][-1] == 3  # other cohorts than PTB-XL may hold such an age
    assert age_histogram(pd.Series([np.nan]), pd.Series([0])).axes[0].containers == []


def test_labels_carry_their_share():
    figure = superclass_bars(COUNTS, 8)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["5 (62.5%)", "0 (0.0%)", "2 (25.0%)", "1 (12.5%)", "1 (12.5%)", "1 (12.5%)"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(COUNTS)


def test_a_fold_has_the_colour_of_its_role():
    bars = heights(fold_bars({5: 50, 1: 10, 2: 20, 3: 30, 4: 40}, ROLES))
    assert bars == {"train": [10, 20], "validation": [30], "test": [40], "other": [50]}


def test_losses_of_several_arms_name_the_kept_epochs():
    figure = arm_losses({"one": HISTORY, "two": HISTORY.iloc[:2]}, {"one": 1, "two": 0})
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "one: epoch 1, validation loss 0.4000",
        "two: epoch 0, validation loss 0.6000",
    ]
    training, validation, kept = figure.axes[0].lines[:3]
    assert training.get_ydata().tolist() == [0.7, 0.5, 0.3]
    assert validation.get_ydata().tolist() == [0.6, 0.4, 0.5]
    assert (kept.get_xdata().tolist(), kept.get_ydata().tolist()) == ([1], [0.4])
    assert training.get_linestyle() != validation.get_linestyle()


def test_losses_refuse_a_history_that_does_not_fit():
    with pytest.raises(InputError, match=r"best epoch 9 .* arm 'one'"):
        arm_losses({"one": HISTORY}, {"one": 9})


def test_scores_have_intervals_and_references_where_there_are_some():
    scores = {
        "macro-F1": {"one": Score(0.7, (0.6, 0.8)), "two": Score(0.5)},
        "macro-AUROC": {"one": Score(0.9), "two": Score(None)},
    }
    f1, auroc = score_intervals(scores, {"macro-F1": [("[CF]", 0.71)]}, "fold 10").axes
    drawn = [np.ravel(line.get_xdata()).tolist() for line in f1.lines]
    assert drawn == [[0.71, 0.71], [0.6, 0.8], [0.7], [0.5]]
    assert [text.get_text() for text in f1.texts] == ["[CF] 0.710"]
    assert [np.ravel(line.get_xdata()).tolist() for line in auroc.lines] == [[0.9]]
    assert [label.get_text() for label in f1.get_yticklabels()] == ["one", "two"]


def test_the_banner_is_on_every_figure():
    banner = "simulated cohort"
    for figure in (
        age_histogram(AGE, SEX, banner),
        superclass_bars(COUNTS, 8, banner),
        fold_bars({1: 10}, ROLES, banner),
        arm_losses({"one": HISTORY}, {"one": 1}, banner),
        score_intervals({"macro-F1": {"one": Score(0.7)}}, {}, "test", banner),
    ):
        assert figure.get_suptitle() == banner


def test_svg_text_depends_on_the_figure_alone():
    first = svg_text(age_histogram(AGE, SEX))
    with pyplot.rc_context({"font.size": 20, "svg.fonttype": "none", "svg.hashsalt": "other"}):
        assert svg_text(age_histogram(AGE, SEX)) == first
    assert "Matplotlib" not in first
    assert "<text" not in first  # outlines, which need no font of the reader's
