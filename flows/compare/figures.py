"""The figures of a comparison."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flows.compare.cells import FORWARDS_PER_EPOCH
from flows.compare.ledger import FinishedCell
from flows.compare.scores import arms_of, epochs_worth
from flows.report.figures import Picture, data_uri
from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.plots.comparison import (
    ArmCurve,
    ArmPoint,
    curves_by_cost,
    quality_against_cost,
    recall_by_class,
)
from veribeat.plots.selection import DroppedRecord, dropped_records, focus_over_epochs, selection_over_epochs
from veribeat.plots.style import SIMULATED_BANNER, save_png
from veribeat.plots.svg import svg_text
from veribeat.signal.stored_units import from_units

MOST_SHOWN = 12
"""Records that are drawn for a human to judge."""

QUALITY = "macro-F1, test"


def comparison_figures(
    cells: Sequence[FinishedCell], scores: pd.DataFrame, reference: str, place: Workspace
) -> dict[str, tuple[Figure, str]]:
    """Figures by name, each with its caption; those that there is nothing for are left out."""
    banner = SIMULATED_BANNER if place.params().cohort.simulated else None
    arms = arms_of(cells)
    figures = {
        "quality_against_cost": (
            quality_against_cost(_points(scores, arms), reference, QUALITY, banner),
            "Macro-F1 against three costs: means over seeds, the seeds, and intervals over patients.",
        ),
        "curves_by_cost": (
            curves_by_cost(
                {arm: [_curve(cell) for cell in own] for arm, own in arms.items()},
                "macro-F1, validation",
                "forward-equivalents, in epochs on all records",
                banner,
            ),
            "Validation macro-F1 after each epoch at its own thresholds, by what was spent till then.",
        ),
        "recall_by_class": (
            recall_by_class(
                {
                    str(row["arm"]): {name: float(row[f"recall_{name}"]) for name in SUPERCLASSES}
                    for row in scores.to_dict("records")
                },
                banner,
            ),
            "Recall on the test records at calibrated thresholds, means over seeds.",
        ),
    }
    if shares := _shares(arms):
        figures["selection_over_epochs"] = (
            selection_over_epochs(shares, banner),
            "What each epoch trained on, means over seeds.",
        )
    if focus := _focus(arms):
        figures["focus_over_epochs"] = (
            focus_over_epochs(focus, banner),
            "How the focus of the candidates is distributed in the epochs that filter; all seeds.",
        )
    for arm, own in arms.items():
        if own[0].content["cell"].get("contamination") is not None:
            continue  # what these cells trained on is not what the cohort has of their records
        if records := _most_dropped(own, place):
            figures[f"dropped_{arm}"] = (
                dropped_records(records, banner),
                f"The records that the filter of {arm} dropped most often, over all seeds: are they bad recordings?",
            )
    return figures


def pictures(figures: dict[str, tuple[Figure, str]], folder: Path) -> tuple[Picture, ...]:
    """The same for a page; records as PNG, in `folder`, because as SVG they would be large."""
    shown = []
    for name, (figure, caption) in figures.items():
        if name.startswith("dropped_"):
            file = folder / f"{name}.png"
            save_png(figure, file, colours=32)
            source = data_uri("png", file.read_bytes())
        else:
            source = data_uri("svg+xml", svg_text(figure).encode())
        shown.append(Picture(source, caption, caption, wide=figure.get_figwidth() > 6.5))
    return tuple(shown)


def _points(scores: pd.DataFrame, arms: dict[str, list[FinishedCell]]) -> dict[str, ArmPoint]:
    return {
        str(row["arm"]): ArmPoint(
            float(row["f1_macro"]),
            (float(row["f1_macro_low"]), float(row["f1_macro_high"])),
            tuple(
                cell.content["metrics"]["test"]["calibrated"]["f1_macro"] for cell in arms[str(row["arm"])]
            ),
            {
                "effective epochs": float(row["effective_epochs"]),
                "forward-equivalents, epochs": epochs_worth(float(row["forward_equivalents"])),
                "processor minutes": float(row["processor_minutes"]),
            },
        )
        for row in scores.to_dict("records")
    }


def _curve(cell: FinishedCell) -> ArmCurve:
    epochs = cell.epochs
    spent = epochs["forward_equivalents"].to_numpy(dtype=np.float64) / FORWARDS_PER_EPOCH
    return ArmCurve(spent, epochs["val_f1_macro"].to_numpy(dtype=np.float64))


def _shares(arms: dict[str, list[FinishedCell]]) -> dict[str, dict[str, np.ndarray]]:
    shares = {}
    for arm, own in arms.items():
        tables = [cell.epochs for cell in own]
        if all(table["phase"].isin(["full", "revision"]).all() for table in tables):
            continue
        records = len(own[0].arrays["kept"])
        shares[arm] = {
            name: np.nanmean(_by_epoch([table[column] for table in tables], np.nan), axis=0) / records
            for name, column in {"kept": "trained", "dropped": "dropped"}.items()
        }
    return shares


def _by_epoch(tables: Sequence[pd.DataFrame | pd.Series], missing: float) -> NDArray[np.float64]:
    """Tables of some seeds with a row per epoch as one array (seeds, epochs, ...): some may have fewer epochs."""
    longest = max(map(len, tables))
    return np.stack(
        [
            np.pad(
                table.to_numpy(dtype=np.float64),
                [(0, longest - len(table))] + [(0, 0)] * (table.ndim - 1),
                constant_values=missing,
            )
            for table in tables
        ]
    )


def _focus(arms: dict[str, list[FinishedCell]]) -> dict[str, np.ndarray]:
    found = {}
    for arm, own in arms.items():
        columns = [column for column in map(str, own[0].epochs) if column.startswith("focus_")]
        counts = _by_epoch([cell.epochs[columns] for cell in own], 0.0).sum(axis=0)
        if counts.any():
            found[arm] = counts
    return found


def _most_dropped(own: Sequence[FinishedCell], place: Workspace) -> list[DroppedRecord]:
    """The records that all seeds together dropped most often; of equal ones some that are drawn, not the first."""
    out = place.path / "out"
    learning = pd.read_parquet(out / "split" / "learning.parquet")
    totals = pd.DataFrame(
        {
            # The list in the JSON file ends after 50 records per seed, so that sums over it would be too low.
            **{
                name: sum(cell.arrays[name].astype(np.int64) for cell in own)
                for name in ("dropped", "considered")
            },
            "row": learning.loc[learning["train"], "row"].to_numpy(),
        }
    )
    totals["lot"] = np.random.default_rng(0).permutation(len(totals))
    worst = totals[totals["dropped"] > 0].sort_values(
        ["dropped", "considered", "lot"], ascending=[False, True, True]
    )[:MOST_SHOWN]
    if worst.empty:
        return []
    records = pd.read_parquet(out / "ingest" / "records.parquet", columns=["ecg_id", *SUPERCLASSES])
    signals = np.load(out / "ingest" / "signals.npy", mmap_mode="r")
    rows = worst["row"].to_numpy()
    return [
        DroppedRecord(
            int(records["ecg_id"].iloc[place_of]),
            tuple(name for name in SUPERCLASSES if records[name].iloc[place_of]),
            int(row["dropped"]),
            int(row["considered"]),
            from_units(signals[place_of]),
        )
        for row, place_of in zip(worst.to_dict("records"), rows, strict=True)
    ]
