"""How much the sampling rate changes a prediction: PTB-XL at 500 Hz, resampled here, against its own 100 Hz files.

FOLDER holds `records500/**/ID_hr.hea` and `records100/**/ID_lr.hea`, as PTB-XL does; records without a partner are
counted and left out.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.predict import REFERENCE
from models.bundle import Classifier
from models.prediction import RecordPrediction, predict_record
from veribeat.data.any_record import read_any_record

COMPARED = 980
"""Samples that are compared in mV: PTB-XL's 500 Hz files have no signal in their last 0.1 s (`veribeat.signal.ends`),
and the filter spreads what is put there."""


def pairs_of(folder: Path) -> tuple[list[tuple[Path, Path]], int]:
    """Headers of the same records at 500 and at 100 Hz, in the order of their ids, and how many have no partner."""
    high = {file.name.removesuffix("_hr.hea"): file for file in sorted(folder.glob("records500/**/*_hr.hea"))}
    low = {file.name.removesuffix("_lr.hea"): file for file in sorted(folder.glob("records100/**/*_lr.hea"))}
    both = sorted(high.keys() & low.keys())
    return [(high[name], low[name]) for name in both], len(high.keys() ^ low.keys())


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--model", type=Path, default=REFERENCE, help="folder that Classifier.load reads")
    options = parser.parse_args()
    pairs, alone = pairs_of(options.folder)
    if not pairs:
        raise SystemExit(f"error: no record of {options.folder} is there at both rates.")
    classifier = Classifier.load(options.model)

    def predict(header: Path) -> RecordPrediction:
        return predict_record(classifier, read_any_record(str(header)))

    high, low = ([predict(header) for header in column] for column in zip(*pairs, strict=True))
    apart = np.array([h.probabilities - p.probabilities for h, p in zip(high, low, strict=True)])
    signals = [np.stack([p.windows[0].window.signals_mv[:COMPARED] for p in side]) for side in (high, low)]
    rms = float(np.sqrt(np.mean(np.square(signals[0] - signals[1]))))
    table = Table("500 Hz against 100 Hz", str(options.model))
    table.add_row("records (without a partner)", f"{len(pairs)} ({alone})")
    table.add_row("largest difference of a probability", f"{np.abs(apart).max():.4f}")
    table.add_row("mean absolute difference", f"{np.abs(apart).mean():.5f}")
    table.add_row(
        "label sets that differ", str(sum(h.labels != p.labels for h, p in zip(high, low, strict=True)))
    )
    table.add_row("difference of the signals, root mean square, up to 9.8 s", f"{1000 * rms:.1f} µV")
    Console().print(table)


if __name__ == "__main__":
    main()
