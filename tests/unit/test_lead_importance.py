import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from veribeat.attribution import importance
from veribeat.attribution.importance import lead_shares
from veribeat.conventions import LEADS
from veribeat.plots.lead_importance import lead_importance_chart
from veribeat.plots.style import SUPERCLASS_COLOURS, save_png


def example():
    shares = np.arange(1, 25, dtype=float).reshape(2, 12)
    table = pd.DataFrame(shares / shares.sum(axis=1, keepdims=True), columns=list(LEADS), index=["MI", "CD"])
    return table, {"MI": 30, "CD": 7}


def test_a_leads_share_counts_attributions_for_and_against():
    values = np.zeros((2, 1000, 12), dtype=np.float32)
    values[0, 10, 1], values[0, 700, 1], values[0, 0, 6] = 1, -2, 1
    values[1, :, 11] = -0.5
    shares = lead_shares(values)
    assert shares.shape == (2, 12)
    assert shares[0, [1, 6]].tolist() == [0.75, 0.25]
    assert shares[1, 11] == 1
    assert shares.sum(axis=1) == pytest.approx([1, 1])


def test_a_row_of_zeros_has_no_shares():
    values = np.zeros((2, 1000, 12), dtype=np.float32)
    values[1, 5, 5] = 3
    shares = lead_shares(values)
    assert np.isnan(shares[0]).all()
    assert not np.isnan(shares[1]).any()
    assert lead_shares(values[:0]).shape == (0, 12)


def test_shares_do_not_depend_on_how_many_rows_are_taken_at_a_time(monkeypatch):
    values = np.random.default_rng(0).normal(size=(23, 1000, 12)).astype(np.float32)
    at_once = lead_shares(values)
    monkeypatch.setattr(importance, "ROWS_AT_A_TIME", 5)
    assert lead_shares(values).tobytes() == at_once.tobytes()


def test_bars_are_the_shares_in_percent_in_the_colours_of_their_classes():
    table, rows = example()
    (axes,) = lead_importance_chart(table, rows).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(LEADS)
    for bars, name in zip(axes.containers, table.index, strict=True):
        assert [bar.get_height() for bar in bars] == pytest.approx(list(100 * table.loc[name]))
        assert {to_hex(bar.get_facecolor()).upper() for bar in bars} == {SUPERCLASS_COLOURS[name]}
    (line,) = axes.lines
    assert line.get_ydata() == pytest.approx([100 / 12, 100 / 12])
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["MI (30)", "CD (7)", "equal shares"]


def test_bars_of_a_lead_stand_side_by_side_around_its_name():
    table, rows = example()
    (axes,) = lead_importance_chart(table, rows).axes
    first, second = (bars[3] for bars in axes.containers)
    assert first.get_x() + first.get_width() == pytest.approx(second.get_x())
    assert second.get_x() == pytest.approx(3)


def test_a_cohort_without_predictions_has_an_empty_chart():
    (axes,) = lead_importance_chart(example()[0].iloc[:0], {}).axes
    assert not axes.containers


def test_the_banner_is_on_the_figure_and_its_bytes_are_its_own(tmp_path):
    figure = lead_importance_chart(*example(), "simulated cohort")
    assert figure.get_suptitle() == "simulated cohort"
    save_png(figure, tmp_path / "first.png")
    save_png(lead_importance_chart(*example(), "simulated cohort"), tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
