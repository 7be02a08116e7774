"""The counterfactuals of the stage `counterfactuals` that came out worst, as a picture."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tasks.explained import Explained
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.plots.beat_gallery import BeatCase, beat_gallery
from veribeat.signal.median_beat import median_beat
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import from_units

SHOWN = 10


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """Counterfactuals by `DEFAULT_METHOD`, the worst first: not valid, not of waves, smallest margin, most changed."""
    own = table[table["method"] == DEFAULT_METHOD]
    of_waves = own["edits"] != ""
    order = own.assign(of_waves=of_waves).sort_values(
        ["validity", "of_waves", "margin", "share_changed"],
        ascending=[True, True, True, False],
        kind="stable",
    )
    return order.drop(columns="of_waves")


def failure_gallery(explained: Explained, counterfactuals: Path, banner: str | None) -> Figure | None:
    """Draw the worst `SHOWN` counterfactuals with what the search did; None where there is none.

    Those of queries without an R-peak have no median beat to draw, and are passed over.

    `counterfactuals` is the folder that the stage wrote.
    """
    rows = worst(pd.read_parquet(counterfactuals / "counterfactuals.parquet"))
    cases: list[BeatCase] = []
    with h5py.File(counterfactuals / "counterfactuals.h5", "r") as file:
        for place, row in rows.iterrows():
            if len(cases) == SHOWN:
                break
            (index,) = np.flatnonzero(explained.records["ecg_id"] == row["ecg_id"])
            (signal,) = explained.signals_mv(np.array([index]))
            peaks = find_r_peaks(signal).samples
            if not len(peaks):
                continue
            changed = from_units(file["signals"][place])
            cases.append(
                BeatCase(
                    f"Record {row['ecg_id']}: {row['initial']} to {row['target']}, "
                    f"{'valid' if row['validity'] else 'NOT valid'}",
                    _searched(row),
                    median_beat(signal, peaks),
                    median_beat(changed, peaks),
                )
            )
    title = f"The {len(cases)} worst counterfactuals by {DEFAULT_METHOD}"
    return beat_gallery(cases, title, banner) if cases else None


def _searched(row: pd.Series) -> str:
    """What the search did, in a line."""
    edits = row["edits"].split(", ") if row["edits"] else []
    what = f"{len(edits)} of 40 waves" if edits else "segments"
    parts = [
        f"{what}, {row['share_changed']:.0%} of samples changed",
        f"margin {row['margin']:.2f} logits",
        f"{row['searched']} donors searched, {row['forwards']} forwards",
        *([row["note"]] if row["note"] else []),
    ]
    return "; ".join(parts)
