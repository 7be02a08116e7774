"""The gallery of median beats: a row for each case, all leads, and what the search did."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tasks.report_gallery import SHOWN, worst
from veribeat.conventions import LEADS
from veribeat.plots.beat_gallery import BeatCase, beat_gallery
from veribeat.plots.ecg_paper import clinical_name
from veribeat.signal.median_beat import OFFSETS


def drawn(cases: int, banner: str | None = None) -> Figure:
    beat = np.random.default_rng(1).normal(size=(len(OFFSETS), len(LEADS)))
    return beat_gallery(
        [BeatCase(f"Record {n}", f"note {n}", beat, beat + 1) for n in range(cases)], "Worst", banner
    )


def test_each_case_is_a_row_of_twelve_leads() -> None:
    figure = drawn(3, banner="simulated cohort")
    axes = [axes for row in figure.subfigs for axes in row.axes]
    assert len(figure.subfigs) == 3
    assert len(axes) == 36
    assert [each.get_title("left") for each in axes[:12]] == [clinical_name(lead) for lead in LEADS]
    for place, row in enumerate(figure.subfigs):
        assert row.get_suptitle() == f"Record {place}   note {place}"
        changed, query = row.axes[0].lines
        assert np.allclose(np.asarray(changed.get_ydata()) - np.asarray(query.get_ydata()), 1)
    assert figure.get_suptitle() == "simulated cohort"


def test_leads_of_a_row_share_their_scale() -> None:
    (row,) = drawn(1).subfigs
    assert len({axes.get_ylim() for axes in row.axes}) == 1


def test_the_worst_come_first() -> None:
    rows = [
        ("wave_sparse", 1.0, "T V2", 0.9, 0.1),
        ("wave_sparse", 1.0, "T V2", 0.2, 0.1),
        ("wave_sparse", 1.0, "T V2", 0.2, 0.3),
        ("wave_sparse", 1.0, "", 1.5, 0.1),
        ("wave_sparse", 0.0, "T V2", -0.5, 0.1),
        ("sparse", 0.0, "", -9.0, 0.9),
    ]
    table = pd.DataFrame(rows, columns=["method", "validity", "edits", "margin", "share_changed"])
    assert worst(table).index.tolist() == [4, 3, 2, 1, 0]
    assert len(worst(pd.concat([table] * 5))) == SHOWN
