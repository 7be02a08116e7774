"""The gallery of median beats: a row for each case, all leads, and what the search did."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from recordings import ecg

from tasks.report_gallery import SHOWN, failure_gallery, worst
from veribeat.conventions import LEADS
from veribeat.plots.beat_gallery import BeatCase, beat_gallery
from veribeat.plots.ecg_paper import clinical_name
from veribeat.signal.median_beat import OFFSETS
from veribeat.signal.stored_units import to_units


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


def test_queries_without_beats_leave_their_place_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gallery has as many as there is room for, the worst of those that can be drawn."""
    count = SHOWN + 2
    table = pd.DataFrame(
        {"ecg_id": np.arange(count), "initial": "MI", "target": "NORM", "method": "wave_sparse"}
    )
    table = table.assign(validity=1.0, edits="T V2", margin=np.arange(count) / 10, share_changed=0.1)
    table.assign(searched=3, forwards=40, note="").to_parquet(tmp_path / "counterfactuals.parquet")
    signals = np.broadcast_to(ecg(100.0), (count, 1000, 12)).astype(np.float32).copy()
    signals[0] = 0
    with h5py.File(tmp_path / "counterfactuals.h5", "w") as file:
        file["signals"] = to_units(signals)
    explained = SimpleNamespace(
        records=pd.DataFrame({"ecg_id": np.arange(count)}), signals_mv=lambda rows: signals[rows]
    )
    drawn: list[BeatCase] = []
    monkeypatch.setattr("tasks.report_gallery.beat_gallery", lambda cases, *_: drawn.extend(cases))
    failure_gallery(explained, tmp_path, None)
    assert [case.title for case in drawn] == [f"Record {n}: MI to NORM, valid" for n in range(1, SHOWN + 1)]
