"""A classifier as explanation methods see it: probabilities for signals, and the thresholds that make them labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.metrics.thresholds import predict_labels

Probabilities = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Signals in mV (B, 1000, 12) to probabilities (B, 5), columns in the order of SUPERCLASSES."""

MarginGradients = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
"""Signals in mV (B, 1000, 12) and a label set (5,) to the gradients (B, 1000, 12) of their margins, in logits per mV;
see `DifferentiableModel.margins`."""

SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1, where float32 has no more steps and logits no value."""


@dataclass(frozen=True)
class BlackBox:
    """Probabilities and decision thresholds (5,), with nothing of the network behind them."""

    probabilities: Probabilities
    thresholds: NDArray[np.float64]

    def labels(self, signals_mv: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Predicted label sets (B, 5) of signals in mV (B, 1000, 12): a class is in where p >= its threshold."""
        return predict_labels(self.probabilities(signals_mv), self.thresholds)

    def margins(self, signals_mv: NDArray[np.float32], target: NDArray[np.bool_]) -> NDArray[np.float64]:
        """By how many logits each signal (B, 1000, 12) is predicted as just the label set `target` (5,): (B,).

        It is that of the label that is worst off: logit p - logit t where it is wanted, the opposite where it is not.
        Below 0 the prediction is another; how far above, is how far from the decision boundary.
        """
        return worst_margins(self.probabilities(signals_mv), self.thresholds, target)


@dataclass(frozen=True)
class DifferentiableModel(BlackBox):
    """A black box that also says in which direction its margins grow."""

    margin_gradients: MarginGradients


def worst_margins(
    probabilities: NDArray[np.floating], thresholds: NDArray[np.float64], wanted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """See `BlackBox.margins`: of probabilities (N, 5), for label sets `wanted` (N, 5) or one (5,) for all."""
    away = logit(probabilities) - logit(thresholds)
    worst: NDArray[np.float64] = np.where(wanted, away, -away).min(axis=1)
    return worst


def logit(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """The logit of probabilities of any shape, finite for 0 and 1, too."""
    inner = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    logits: NDArray[np.float64] = np.log(inner) - np.log1p(-inner)
    return logits
