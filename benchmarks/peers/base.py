"""What the peers share: real records to borrow from, how far a prediction is from a label set, and the finished result.

A multi-label prediction is right only when all five labels are on their side of their thresholds. The peers were
published for one label out of several; where they look at the target's probability, ours look at `missing`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.targets import Labels, names_of
from veribeat.errors import InputError
from veribeat.metrics.thresholds import predict_labels
from veribeat.signal.stored_units import from_units, to_units

SMALLEST = 1e-7
"""Probabilities nearer to 0 or 1 have the logit of this; float32 could not tell them from 1."""

NO_DONOR = -1
"""In place of a donor's place in the pool, for a method that has none."""


@dataclass(frozen=True)
class Neighbours:
    """Records nearest to a query, the nearest first.

    `places` (k,) in the pool, `distances_mv` (k,) Euclidean, over all samples of all leads, `signals_mv` (k, 1000, 12).
    """

    places: NDArray[np.int64]
    distances_mv: NDArray[np.float64]
    signals_mv: Signal


@dataclass(frozen=True)
class Pool:
    """Real records (N, 1000, 12) in mV that have, and are predicted as, just the superclasses in `labels` (N, 5)."""

    signals_mv: Signal
    labels: NDArray[np.bool_]

    def nearest(self, query_mv: Signal, target: Labels, count: int) -> Neighbours:
        """The `count` records of the target that are nearest to a signal (1000, 12), or all where there are fewer.

        Raises:
            InputError: there is none.
        """
        (places,) = np.nonzero((self.labels == target).all(axis=1))
        if not len(places):
            raise InputError(f"The pool has no record of {', '.join(names_of(target)) or 'no superclass'}.")
        distances = np.array([np.linalg.norm(self.signals_mv[place] - query_mv) for place in places], float)
        order = np.argsort(distances, kind="stable")[:count]
        return Neighbours(places[order], distances[order], self.signals_mv[places[order]])


def logit(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log odds, of any shape, between those of SMALLEST and of 1 - SMALLEST."""
    inside = np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    odds: NDArray[np.float64] = np.log(inside) - np.log1p(-inside)
    return odds


def missing(
    probabilities: NDArray[np.floating], thresholds: NDArray[np.float64], target: Labels
) -> NDArray[np.float64]:
    """How far predictions (B, 5) are from the label set `target` (5,), in logits: (B,), not negative.

    The sum over the labels of what each logit lacks to the right side of its threshold. Unlike the largest lack, it
    falls when any wrong label comes nearer, so a greedy search is not stuck on the worst one.
    """
    above = logit(probabilities) - logit(thresholds)
    lack: NDArray[np.float64] = np.maximum(np.where(target, -above, above), 0).sum(axis=1)
    return lack


def finished(
    method: str,
    query: Query,
    target: Labels,
    signal_mv: Signal,
    mask: Mask,
    model: BlackBox,
    donor: int = NO_DONOR,
    distance_mv: float = np.nan,
    note: str = "",
) -> Counterfactual:
    """A counterfactual in stored units, with the model's word on just this signal.

    Args:
        method: the peer's name.
        query: what is explained.
        target: (5,).
        signal_mv: (1000, 12), equal to the query's outside of `mask`.
        mask: (1000, 12), what may differ.
        model: the classifier.
        donor: place in the pool of the record that was borrowed from.
        distance_mv: Euclidean, of the donor to the query.
        note: what could not be done.
    """
    signal = from_units(to_units(signal_mv))
    if (signal != query.signal_mv)[~mask].any():
        raise ValueError(f"{method} changed samples outside of its mask")
    probabilities = model.probabilities(signal[None])[0]
    return Counterfactual(
        method=method,
        target=target,
        prototype=donor,
        distance=distance_mv,
        signal_mv=signal,
        mask=mask,
        keep_ratio=float(mask.mean()),
        probabilities=probabilities,
        valid=bool(np.array_equal(predict_labels(probabilities, model.thresholds), target)),
        note=note,
    )
