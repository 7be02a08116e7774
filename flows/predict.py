"""`veribeat predict`: probabilities, labels and warnings for WFDB records, as JSON or CSV on standard output."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from models.bundle import DESCRIPTION, Classifier
from models.prediction import RecordPrediction, predict_record
from models.runtime import make_deterministic
from veribeat.conventions import SUPERCLASSES
from veribeat.data.any_record import read_any_record
from veribeat.errors import InputError

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "ptbxl"
"""The model that comes with the repository."""

COLUMNS = ("record", "start_s", "end_s", *SUPERCLASSES, "labels", "warnings", "sampling_rate", "duration_s")

THREADS = 1
"""Of torch: a record is too small to share out, and results depend on it in the last digits."""


def predict_records(records: Sequence[str], model: Path | None, as_csv: bool, output: TextIO) -> bool:
    """Write the predictions for `records` to `output`, in their order; True when all could be read.

    A record that cannot is left out and gets one sentence on standard error, where warnings go as well.

    Raises:
        InputError: there is no model in the folder `model` (None: the one that comes with the repository).
    """
    make_deterministic(THREADS)
    folder = REFERENCE if model is None else model
    if model is None and not (folder / DESCRIPTION).is_file():
        raise InputError(f"No model in {folder}: name a folder that 'veribeat export' made with --model.")
    classifier = Classifier.load(folder)
    described = _describe_model(folder, classifier)
    table = csv.writer(output, lineterminator="\n")
    if as_csv:
        table.writerow(COLUMNS)
    objects, failed = [], 0
    for name in records:
        try:
            prediction = predict_record(classifier, read_any_record(name))
        except InputError as error:
            failed += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        for warning in prediction.warnings:
            print(f"warning: {name}: {warning}", file=sys.stderr)
        if as_csv:
            table.writerows(_rows(name, prediction))
        else:  # an object, because a prediction holds the signals
            objects.append(_as_object(name, described, prediction))
    if not as_csv:
        json.dump(objects, output, indent=2, allow_nan=False)
        output.write("\n")
    return not failed


def _describe_model(folder: Path, classifier: Classifier) -> dict[str, Any]:
    return {
        "name": folder.resolve().name,
        "backbone": classifier.backbone_name,
        "thresholds": dict(zip(SUPERCLASSES, classifier.thresholds, strict=True)),
    }


def _as_object(name: str, model: dict[str, Any], prediction: RecordPrediction) -> dict[str, Any]:
    return {
        "record": name,
        "model": model,
        "sampling_rate": prediction.record.sampling_rate,
        "duration_s": round(prediction.record.duration_s, 3),
        "windows": [
            {
                "start_s": each.window.start_s,
                "end_s": each.window.end_s,
                "probabilities": by_superclass(each.probabilities),
                "labels": each.labels,
                "warnings": [str(warning) for warning in each.window.warnings],
            }
            for each in prediction.windows
        ],
        "probabilities": by_superclass(prediction.probabilities),
        "labels": prediction.labels,
        "warnings": prediction.warnings,
    }


def _rows(name: str, prediction: RecordPrediction) -> Iterator[list[Any]]:
    """One row per window, in the order of COLUMNS; what concerns the whole record is in each."""
    for each in prediction.windows:
        warnings = [str(warning) for warning in (*prediction.record.warnings, *each.window.warnings)]
        yield [
            name,
            each.window.start_s,
            each.window.end_s,
            *by_superclass(each.probabilities).values(),
            ";".join(each.labels),
            "; ".join(warnings),
            prediction.record.sampling_rate,
            round(prediction.record.duration_s, 3),
        ]


def by_superclass(probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Probabilities (5,) by superclass, with the digits that float32 has: no more, and none less."""
    return {name: float(str(value)) for name, value in zip(SUPERCLASSES, probabilities, strict=True)}
