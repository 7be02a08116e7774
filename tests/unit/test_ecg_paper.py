import numpy as np
import pytest
from matplotlib.collections import LineCollection

from veribeat.conventions import LEADS
from veribeat.plots.ecg_paper import BOLD_COLOUR, clinical_name, draw_trace, new_paper
from veribeat.plots.style import drawing, save_png


def beats(height_mv=1.0):
    """(1000, 12): one R-peak a second in every lead."""
    signal = np.zeros((1000, 12), dtype=np.float32)
    signal[50::100] = height_mv
    return signal


def paper_of(*signals, **others):
    with drawing():
        return new_paper(signals, "a title", **others)


def mm_per_unit(paper):
    """Millimetres in print per unit of each axis."""
    paper.figure.canvas.draw()
    pixels = np.diff(paper.axes.transData.transform([(0, 0), (1, 1)]), axis=0)[0]
    return pixels / paper.figure.dpi * 25.4


def test_the_scale_is_true_in_print():
    paper = paper_of(beats())
    assert mm_per_unit(paper) == pytest.approx((1, 1))
    assert paper.figure.get_figwidth() * 25.4 == pytest.approx(297)
    draw_trace(paper, beats())
    second = paper.axes.lines[-11]  # lead II
    x, y = second.get_xdata(), second.get_ydata()
    assert x[[0, 100, 999]].tolist() == [0, 25, 249.75]
    assert y[50] - y[0] == 10  # 1 mV
    assert y[0] == paper.baselines_mm[1]


def test_the_grid_is_of_small_and_of_bold_squares():
    paper = paper_of(beats())
    fine, bold = (c for c in paper.axes.collections if isinstance(c, LineCollection))
    assert bold.get_edgecolor()[0] == pytest.approx(np.array([0xEB, 0xAF, 0xA9, 0xFF]) / 255)
    assert BOLD_COLOUR == "#EBAFA9"
    for lines, step in ((fine, 1), (bold, 5)):
        upright = [path.vertices[0, 0] for path in lines.get_paths() if np.ptp(path.vertices[:, 0]) == 0]
        level = [path.vertices[0, 1] for path in lines.get_paths() if np.ptp(path.vertices[:, 1]) == 0]
        assert set(np.diff(upright)) == {step}
        assert set(np.diff(level)) == {step}
        assert (upright[0], upright[-1]) == (-20, 250)
        assert (level[0], level[-1]) == paper.axes.get_ylim()


def test_every_lead_has_its_name_and_a_pulse_of_a_millivolt():
    paper = paper_of(beats())
    names = [text.get_text() for text in paper.axes.texts]
    assert names == ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert names == [clinical_name(lead) for lead in LEADS]
    for pulse, baseline in zip(paper.axes.lines, paper.baselines_mm, strict=True):
        assert (pulse.get_ydata().min(), pulse.get_ydata().max()) == (baseline, baseline + 10)
        assert pulse.get_xdata()[3] - pulse.get_xdata()[2] == 5  # 0.2 s
        assert pulse.get_xdata().max() < 0


@pytest.mark.parametrize("height", [-2.0, 0.1, 1.8])
def test_traces_stay_apart(height):
    signal = beats()
    signal[:, ::2] *= height
    signal[3:, 1::2] = signal[:-3, 1::2]  # 30 ms later
    paper = paper_of(signal)
    traces = paper.baselines_mm + signal * paper.mm_per_mv
    assert paper.mm_per_mv == 10
    assert (traces[:, :-1] - traces[:, 1:]).min() >= 3
    assert (traces[:, :-1] - np.roll(traces, -3, axis=0)[:, 1:]).min() >= 3
    assert paper.axes.get_ylim()[0] < traces.min() < traces.max() < 0


def test_room_is_made_for_all_signals():
    alone, both = paper_of(beats()), paper_of(beats(), beats(-1))
    assert np.diff(alone.baselines_mm).min() > np.diff(both.baselines_mm).max()


def test_the_gain_is_halved_where_the_paper_would_be_too_long():
    paper = paper_of(beats(4.0))
    assert paper.mm_per_mv == 5
    assert paper.axes.lines[0].get_ydata().max() - paper.baselines_mm[0] == 5
    assert "25 mm/s, 5 mm/mV. Research software, not a medical device." in [
        text.get_text() for text in paper.figure.texts
    ]
    assert mm_per_unit(paper) == pytest.approx((1, 1))
    assert paper_of(beats(30.0)).mm_per_mv < 1  # an artefact does not stop the drawing
    assert -paper_of(beats(30.0)).axes.get_ylim()[0] <= 300


def test_strips_cover_the_paper_and_hold_their_leads():
    signal = beats()
    signal[:, 10] *= 2.5
    paper = paper_of(signal)
    assert paper.edges_mm[0] == 0
    assert paper.edges_mm[-1] == paper.axes.get_ylim()[0]
    assert (np.diff(paper.edges_mm) < 0).all()
    traces = paper.baselines_mm + signal * paper.mm_per_mv
    assert (traces < paper.edges_mm[:-1]).all()
    assert (traces > paper.edges_mm[1:]).all()


def test_time_begins_where_the_window_does():
    labels = [text.get_text() for text in paper_of(beats()).axes.get_xticklabels()]
    assert labels == [str(second) for second in range(11)]
    later = paper_of(beats(), start_s=12.5).axes.get_xticklabels()
    assert [text.get_text() for text in later[:2]] == ["12.5", "13.5"]


def test_same_paper_same_bytes(tmp_path):
    for name in ("first.png", "second.png"):
        paper = paper_of(beats(), details=(("one more line", "#0072B2"),), banner="simulated cohort")
        assert paper.figure.get_suptitle() == "simulated cohort"
        save_png(paper.figure, tmp_path / name)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
