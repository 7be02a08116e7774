"""How good 200 draws of expected gradients are: against 10,000 draws, against shap, and against their own error.

WORKSPACE is one in which `ingest`, `split` and the arm's `train` and `calibrate` have run. Records are spread evenly
over those of the pool that have a predicted class; every predicted class of a record is a row.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from tasks.explained import Explained, Sources
from veribeat.attribution.base import Attribution, Background, make_background
from veribeat.attribution.draws import Draws, Sampling, make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.shap_reference import shap_gradients

Method = Callable[[nn.Module, NDArray[np.float32], Background, list[int], Draws, int], Attribution]
DRAWS, REPLICATES, BATCH = 200, 10, 100
REFERENCE_DRAWS = 10_000
SAMPLINGS: tuple[Sampling, ...] = ("random", "stratified")
TOP = 90
"""Percentile: the samples and leads above it are a row's most important ones ([CF] eq. 2)."""


def relative_rms(values: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Root mean square of the difference over that of the reference."""
    return float(np.sqrt(np.mean(np.square(values - reference)) / np.mean(np.square(reference))))


def top_overlap(values: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Share of the reference's most important tenth that is in the most important tenth of `values`, too."""
    tops = [np.abs(each) >= np.percentile(np.abs(each), TOP) for each in (values, reference)]
    return float((tops[0] & tops[1]).sum() / tops[1].sum())


def compare_record(
    model: nn.Module, background: Background, signal: NDArray[np.float32], classes: list[int], ecg_id: int
) -> list[dict[str, float | str]]:
    """What both samplings make of one record: a line for each and each of `classes`."""

    def draw(count: int, sampling: Sampling, seed: int) -> Draws:
        return make_draws(count, REPLICATES, len(background.logits), sampling, (seed, ecg_id))

    def attribute(method: Method, draws: Draws) -> Attribution:
        return method(model, signal, background, classes, draws, BATCH)

    reference = attribute(expected_gradients, draw(REFERENCE_DRAWS, "stratified", seed=2)).values
    shaps = attribute(shap_gradients, draw(DRAWS, "random", seed=1)).values
    lines: list[dict[str, float | str]] = []
    for sampling in SAMPLINGS:
        start = time.process_time()
        found = attribute(expected_gradients, draw(DRAWS, sampling, seed=1))
        seconds = (time.process_time() - start) / len(classes)
        steps, gaps = np.abs(found.logits - found.baseline_logits), np.abs(found.completeness_gap)
        for place, values in enumerate(found.values):
            error = relative_rms(values, reference[place])
            line: dict[str, float | str] = {
                "sampling": sampling,
                "seconds of processor time per row": seconds,
                "relative RMSE": error,
                "overlap of the top tenth": top_overlap(values, reference[place]),
                "relative RMSE over monte_carlo_error": error / found.monte_carlo_error[place],
                "completeness gap, logits": gaps[place],
                "completeness gap over the logit's difference": gaps[place] / steps[place],
            }
            if sampling == "random":
                apart = np.abs(values - shaps[place]).max()
                line["largest difference to shap, logits"] = apart
                line["largest difference to shap over the largest value"] = apart / np.abs(values).max()
            lines.append(line)
    return lines


def compare(explained: Explained, records: int) -> pd.DataFrame:
    """`compare_record` for `records` of the pool."""
    model = explained.classifier.backbone
    background = make_background(model, explained.signals_mv(explained.rows("background")), BATCH)
    pool = explained.rows("pool")
    predicted = explained.predicted_labels(pool)
    (explainable,) = np.nonzero(predicted.any(axis=1))
    lines = []
    for item in track(explainable[np.linspace(0, len(explainable) - 1, records).astype(int)], "records"):
        (signal,), (ecg_id,) = explained.signals_mv(pool[[item]]), explained.ecg_ids(pool[[item]])
        classes = np.flatnonzero(predicted[item]).tolist()
        lines += compare_record(model, background, signal, classes, int(ecg_id))
    return pd.DataFrame(lines)


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--arm", default="baseline")
    parser.add_argument("--records", type=int, default=20)
    options = parser.parse_args()
    sources = Sources.of_arm(options.arm, 1, options.workspace / "out")
    found = compare(Explained.load(sources), options.records)
    rows = len(found) // len(SAMPLINGS)
    table = Table(f"{DRAWS} draws, {rows} rows: median (5th, 95th percentile)", *SAMPLINGS)
    levels = found.groupby("sampling").quantile([0.5, 0.05, 0.95])
    for name, values in levels.items():
        cells = ("{:.2g} ({:.2g}, {:.2g})".format(*values[sampling]) for sampling in SAMPLINGS)
        table.add_row(str(name), *(cell.replace("nan (nan, nan)", "-") for cell in cells))
    Console().print(table)


if __name__ == "__main__":
    main()
