"""The figures of a workspace as pictures that a page holds itself."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from flows.report.headline import headline_points
from flows.report.outputs import read_json
from flows.workspace import Workspace
from tasks.params.document import Params
from veribeat.data.card import class_counts
from veribeat.plots.card import age_histogram, fold_bars, superclass_bars
from veribeat.plots.losses import arm_losses
from veribeat.plots.scores import score_intervals
from veribeat.plots.style import DPI, SIMULATED_BANNER
from veribeat.plots.svg import svg_text

TITLES = {"roc": "ROC curves", "reliability": "reliability"}
"""What the figures of stage `calibrate-ARM` show; another is named after its file."""

WIDE = 6
"""Inches beyond which a figure is wide."""

DRAWN_ANEW = ("loss",)
"""Figures of stage `calibrate-ARM` that the page leaves out, because it draws all arms in one."""


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, the text that stands for it, and the line below it."""

    source: str
    text: str
    caption: str
    wide: bool = False  # too wide for its letters to be read on a phone


def headline_pictures(place: Workspace, params: Params) -> tuple[Picture, ...]:
    """The arms' headline scores beside each other; none where there is one arm, which a table shows as well."""
    records, points, published = headline_points(place, params)
    arms = list(next(iter(points.values())))
    if len(arms) < 2:
        return ()
    intervals = any(score.interval for of_arms in points.values() for score in of_arms.values())
    return (
        _drawn(
            score_intervals(points, published, f"Scores on {records}", _banner(params)),
            f"{' and '.join(points)} of {', '.join(arms)} on {records}, as in the table.",
            f"Points: scores on {records}{', bars: their intervals' if intervals else ''}.",
        ),
    )


def cohort_pictures(place: Workspace, params: Params) -> tuple[Picture, ...]:
    """Age and sex, labels, folds and roles; none before `ingest` has run."""
    file = place.path / "out" / "ingest" / "records.parquet"
    if not file.is_file():
        return ()
    records = pd.read_parquet(file)
    banner = _banner(params)
    counts = class_counts(records)
    sizes = dict(sorted(Counter(records["fold"].tolist()).items()))
    roles = params.split.model_dump(exclude={"drop_unlabelled"})
    return (
        _drawn(
            age_histogram(records["age"], records["sex"], banner),
            "Histogram of age in steps of five years, female and male records stacked.",
            "Records by age and sex.",
        ),
        _drawn(
            superclass_bars(counts, len(records), banner),
            f"Bar chart of records per superclass: {_listing(counts)}.",
            "Records with each label; one with two labels counts in both.",
        ),
        _drawn(
            fold_bars(sizes, roles, banner),
            f"Bar chart of records per fold, coloured by role: {_listing(sizes)}.",
            "Records per fold; no patient is in two folds.",
        ),
    )


def training_pictures(place: Workspace, params: Params) -> tuple[Picture, ...]:
    """The training curves of all arms that are trained, in one figure."""
    histories, best_epochs = {}, {}
    for arm in sorted(params.arms):
        history = place.path / "out" / f"train-{arm}" / "history.csv"
        training = read_json(place, f"train-{arm}", "training.json")
        if history.is_file() and training:
            histories[arm] = pd.read_csv(history)
            best_epochs[arm] = training["best_epoch"]
    if not histories:
        return ()
    return (
        _drawn(
            arm_losses(histories, best_epochs, _banner(params)),
            f"Training and validation loss per epoch of {', '.join(histories)}.",
            "Loss per epoch; the weights of the marked epoch were kept.",
        ),
    )


def evaluation_pictures(place: Workspace, params: Params) -> tuple[Picture, ...]:
    """The figures that each calibrated arm's stage drew: of a kind side by side, the wide ones last."""
    pictures = {}
    for arm in sorted(params.arms):
        for file in place.path.glob(f"out/calibrate-{arm}/figures/*.png"):
            if file.stem not in DRAWN_ANEW:
                title = TITLES.get(file.stem, file.stem.replace("_", " "))
                picture = stored_picture(file, f"{title} of arm {arm}", f"{arm}: {title}")
                pictures[picture.wide, file.stem, arm] = picture
    return tuple(pictures[key] for key in sorted(pictures))


def stored_picture(file: Path, text: str, caption: str) -> Picture:
    """The PNG file that a stage drew."""
    content = file.read_bytes()
    width = int.from_bytes(content[16:20])  # where PNG keeps it, in pixels
    return Picture(data_uri("png", content), text, caption, wide=width > WIDE * DPI)


def _drawn(figure: Figure, text: str, caption: str) -> Picture:
    return Picture(data_uri("svg+xml", svg_text(figure).encode()), text, caption)


def data_uri(kind: str, content: bytes) -> str:
    """An image as text that a page holds itself; `kind` is such as "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _banner(params: Params) -> str | None:
    return SIMULATED_BANNER if params.cohort.simulated else None


def _listing(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
