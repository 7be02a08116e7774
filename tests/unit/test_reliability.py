import numpy as np
import pytest

from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.calibration import expected_calibration_error, reliability_bins
from veribeat.plots.reliability import reliability_diagram
from veribeat.plots.style import save_png


def case(records=300):
    rng = np.random.default_rng(1)
    p = rng.beta(0.5, 1.5, (records, 5))
    return p, rng.random(p.shape) < p


def test_each_panel_shows_its_class_and_its_ece():
    p, y = case()
    figure = reliability_diagram(reliability_bins(p, y))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    ece = expected_calibration_error(p, y)
    panels = [f"{name}: ECE {value:.3f}" for name, value in zip(SUPERCLASSES, ece, strict=True)]
    assert titles == [*panels, "Reliability, test"]


def test_points_are_the_bins_that_hold_records():
    p = np.full((20, 5), 0.3)
    p[:5] = 0.9
    y = np.zeros((20, 5), dtype=bool)
    y[:4] = True
    first = reliability_diagram(reliability_bins(p, y)).axes[0]
    _, _, markers = first.lines  # the diagonal, the line, the points on it
    assert markers.get_xdata().tolist() == pytest.approx([0.3, 0.9])
    assert markers.get_ydata().tolist() == pytest.approx([0.0, 0.8])


def test_bounds_of_a_frequency_are_wilsons():
    # 8 of 10, by hand: (0.8 + z2/20 +- z sqrt(0.016 + z2/400)) / (1 + z2/10), z2 = 3.8415
    p, y = np.full((10, 1), 0.5), np.arange(10)[:, None] < 8
    (row,) = reliability_bins(p, y, bins=1, classes=("A",)).to_dict("records")
    assert (row["frequency_low"], row["frequency_high"]) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    none = reliability_bins(p, np.zeros_like(y), bins=1, classes=("A",)).iloc[0]
    assert (none["frequency_low"], none["frequency_high"]) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_the_banner_is_on_the_figure_and_its_bytes_are_its_own(tmp_path):
    bins = reliability_bins(*case(40))
    figure = reliability_diagram(bins, "simulated cohort")
    assert figure.get_suptitle() == "simulated cohort"
    assert reliability_diagram(bins).get_suptitle() == ""
    save_png(figure, tmp_path / "first.png")
    save_png(reliability_diagram(bins, "simulated cohort"), tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
