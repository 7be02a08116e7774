"""A classifier as it is served: weights, classes and thresholds in one folder, without Lightning or MLflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from models.inference import load_backbone, signal_probabilities
from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, SUPERCLASSES, UNITS_PER_MV
from veribeat.errors import InputError
from veribeat.metrics.thresholds import predict_labels

WEIGHTS = "model.pt"
DESCRIPTION = "classifier.json"

LARGEST_MV = np.iinfo(np.int16).max / UNITS_PER_MV
"""The largest amplitude that PTB-XL's int16 files can hold, in mV; more means another unit."""

_AGREED: dict[str, Any] = {
    "classes": list(SUPERCLASSES),
    "leads": list(LEADS),
    "record_samples": RECORD_SAMPLES,
    "sampling_rate": SAMPLING_RATE,
}
"""What classifier.json must say, because it is all that this version serves."""


@dataclass(frozen=True)
class Classifier:
    """A trained backbone with the decision threshold of each superclass."""

    backbone: nn.Module
    thresholds: tuple[float, ...]  # in the order of SUPERCLASSES
    backbone_name: str

    @classmethod
    def load(cls, folder: Path, weights: Path | None = None) -> "Classifier":
        """The classifier in `folder`, which holds classifier.json and, unless `weights` are elsewhere, model.pt.

        Raises:
            InputError: a file is missing or damaged, or was made for other classes, leads or sampling.
        """
        name, thresholds = _read_description(folder / DESCRIPTION)
        return cls(load_backbone(name, weights or folder / WEIGHTS), thresholds, name)

    def probabilities(self, signals_mv: ArrayLike) -> NDArray[np.float32]:
        """Probabilities (N, 5), columns in the order of SUPERCLASSES, of signals in mV (N, 1000, 12).

        The signals are raw, that is, not normalised: sampled at 100 Hz, leads in the order of LEADS, any float type.

        Raises:
            InputError: wrong shape or type, values that are not finite or cannot be millivolts.
        """
        return signal_probabilities(self.backbone, _checked_signals(signals_mv))

    def labels(self, probabilities: ArrayLike) -> list[tuple[str, ...]]:
        """The superclasses of each row of `probabilities` (N, 5) that reach their threshold; () where none does."""
        present = predict_labels(probabilities, self.thresholds)
        return [
            tuple(name for name, is_in in zip(SUPERCLASSES, row, strict=True) if is_in) for row in present
        ]


def _checked_signals(signals_mv: ArrayLike) -> NDArray[np.float32]:
    signals = np.asarray(signals_mv)
    expected = (RECORD_SAMPLES, len(LEADS))
    if signals.ndim != 3 or signals.shape[1:] != expected:
        raise InputError(
            f"The signals have shape {signals.shape}, but (records, {expected[0]}, {expected[1]}) is expected:"
            f" 10 s at {SAMPLING_RATE} Hz, leads last."
        )
    if not np.issubdtype(signals.dtype, np.floating):
        raise InputError(
            f"The signals are of type {signals.dtype}; give millivolts as floating-point numbers"
            f" (PTB-XL's integers divided by {UNITS_PER_MV})."
        )
    signals = signals.astype(np.float32, copy=False)
    # NaN and infinity survive the maximum, so one pass over the data finds every kind of bad record.
    peaks = np.abs(signals).max(axis=(1, 2), initial=0)
    if not np.isfinite(peaks).all():
        bad = int(np.flatnonzero(~np.isfinite(peaks))[0])
        raise InputError(
            f"Record {bad} of the signals holds values that are not finite; remove or repair it."
        )
    if (peaks > LARGEST_MV).any():
        bad = int(np.flatnonzero(peaks > LARGEST_MV)[0])
        raise InputError(
            f"Record {bad} of the signals reaches {peaks[bad]:.6g}, more than {LARGEST_MV:.6g} mV;"
            " give the signals in millivolts."
        )
    return signals


def describe(backbone: str, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """What classifier.json says of a classifier: the name of its backbone, a threshold (0-1) for each superclass."""
    return {"backbone": backbone, **_AGREED, "thresholds": dict(thresholds)}


def _read_description(path: Path) -> tuple[str, tuple[float, ...]]:
    """Name of the backbone and the thresholds in the order of SUPERCLASSES, from a classifier.json."""
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"No {path}: calibrate the model first.") from error
    except ValueError as error:  # not JSON or not UTF-8
        raise InputError(f"{path} is not valid JSON ({error}): calibrate the model again.") from error
    if not isinstance(description, dict):
        raise InputError(f"{path} must hold an object with the key 'backbone': calibrate the model again.")
    for key, value in _AGREED.items():
        if description.get(key) != value:
            raise InputError(
                f"{path}: '{key}' is {description.get(key)!r}, but this version serves {value!r} only:"
                " calibrate the model again."
            )
    backbone = description.get("backbone")
    if not isinstance(backbone, str):
        raise InputError(
            f"{path}: 'backbone' is {backbone!r}, but it should be a name: calibrate the model again."
        )
    return backbone, _checked_thresholds(description.get("thresholds"), path)


def _checked_thresholds(values: Any, path: Path) -> tuple[float, ...]:
    if not isinstance(values, dict) or set(values) != set(SUPERCLASSES):
        raise InputError(
            f"{path}: 'thresholds' must hold one number for each of {', '.join(SUPERCLASSES)}:"
            " calibrate the model again."
        )
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InputError(
                f"{path}: the threshold of {name} is {value!r}, but it should lie in 0 to 1:"
                " calibrate the model again."
            )
    return tuple(float(values[name]) for name in SUPERCLASSES)
