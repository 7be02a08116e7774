"""A classifier as explanation methods see it: probabilities for signals, and the thresholds that make them labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.metrics.thresholds import predict_labels

Probabilities = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Signals in mV (B, 1000, 12) to probabilities (B, 5), columns in the order of SUPERCLASSES."""


@dataclass(frozen=True)
class BlackBox:
    """Probabilities and decision thresholds (5,), with nothing of the network behind them."""

    probabilities: Probabilities
    thresholds: NDArray[np.float64]

    def labels(self, signals_mv: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Predicted label sets (B, 5) of signals in mV (B, 1000, 12): a class is in where p >= its threshold."""
        return predict_labels(self.probabilities(signals_mv), self.thresholds)
