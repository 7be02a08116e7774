import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.classification import auroc_by_class, roc_points
from veribeat.plots.curves import loss_curve, roc_curves
from veribeat.plots.style import SUPERCLASS_COLOURS, SUPERCLASS_LINES, save_png

HISTORY = pd.DataFrame(
    {"epoch": range(30), "train_loss": 0.5 * 0.95 ** np.arange(30), "val_loss": 0.3 + 0.001 * np.arange(30)}
)


def roc_case():
    rng = np.random.default_rng(1)
    y = rng.random((300, 5)) < 0.3
    y[:, 4] = False
    p = np.clip(rng.normal(0.3 + 0.2 * y, 0.15), 0, 1)
    return roc_points(p, y), auroc_by_class(p, y)


def texts(figure):
    legend = figure.legends[0] if figure.legends else figure.axes[0].get_legend()
    return [text.get_text() for text in legend.get_texts()]


def test_loss_curve_shows_both_losses_and_the_kept_epoch():
    figure = loss_curve(HISTORY, best_epoch=0)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["training"].get_ydata().tolist() == HISTORY["train_loss"].tolist()
    assert lines["validation"].get_ydata().tolist() == HISTORY["val_loss"].tolist()
    assert "kept: epoch 0, validation loss 0.3000" in texts(figure)


def test_loss_curve_refuses_a_history_that_does_not_fit():
    with pytest.raises(InputError, match="best epoch 99"):
        loss_curve(HISTORY, best_epoch=99)
    with pytest.raises(InputError, match="no column val_loss"):
        loss_curve(HISTORY.drop(columns="val_loss"), best_epoch=0)


def test_roc_legend_has_the_auc_of_each_class_and_says_when_there_is_none():
    points, auroc = roc_case()
    legend = texts(roc_curves(points, auroc))
    assert legend[0] == f"NORM: AUC {auroc['NORM']:.3f}"
    assert legend[4] == "HYP: one label only, no curve"


def test_the_banner_is_on_the_figure():
    points, auroc = roc_case()
    for figure in (
        loss_curve(HISTORY, 3, "simulated cohort"),
        roc_curves(points, auroc, banner="simulated cohort"),
    ):
        assert figure.get_suptitle() == "simulated cohort"
    assert loss_curve(HISTORY, 3).get_suptitle() == ""


def test_png_bytes_depend_on_the_figure_alone(tmp_path):
    points, auroc = roc_case()

    def drawn(name):
        save_png(roc_curves(points, auroc), tmp_path / f"{name}_roc.png")
        save_png(loss_curve(HISTORY, 3), tmp_path / f"{name}_loss.png")
        return [(tmp_path / f"{name}_{kind}.png").read_bytes() for kind in ("roc", "loss")]

    first = drawn("first")
    with pyplot.rc_context(
        {"font.size": 20, "savefig.dpi": 40, "lines.linewidth": 9, "savefig.transparent": True}
    ):
        assert drawn("second") == first
    assert not pyplot.get_fignums()
    assert all(b"Software" not in png and b"Matplotlib" not in png for png in first)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "first_loss.png",
        "first_roc.png",
        "second_loss.png",
        "second_roc.png",
    ]


def test_every_superclass_has_a_colour_and_a_line_of_its_own():
    assert tuple(SUPERCLASS_COLOURS) == tuple(SUPERCLASS_LINES) == SUPERCLASSES
    assert len(set(SUPERCLASS_COLOURS.values())) == len(set(map(str, SUPERCLASS_LINES.values()))) == 5
