"""Native Guide: the most important stretch of the nearest unlike neighbour replaces that of the query.

After Delaney, Greene and Keane 2021 (Instance-Based Counterfactual Explanations for Time Series Classification, ICCBR;
https://github.com/e-delaney/Instance-Based_CFE_TSC). As there, the importance is that of the neighbour for its class,
the stretch of each length is the one of the largest summed importance, and the shortest stretch that turns the
prediction wins. Departures:

- all leads of the stretch are replaced at once; theirs has one lead;
- valid is the whole label set at its thresholds, where theirs asks for p > 0.5 of the target;
- lengths grow by STEP samples, and the lengths within the last step are then tried one by one. Validity does not rise
  evenly with length, so that a shorter valid one can be missed between two that are not;
- the class activation map of theirs needs a network that ends in an average over time. See `importance`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from peers.base import Neighbours, finished
from veribeat.black_box import BlackBox
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.targets import Labels

NAME = "native_guide"
STEP = 10
"""Samples."""

Importance = Callable[[Signal, Labels], NDArray[np.floating]]
"""Of each time (1000,) of a signal (1000, 12) in mV for a label set (5,); not negative."""


def native_guide(
    query: Query, target: Labels, neighbours: Neighbours, importance: Importance, model: BlackBox
) -> Counterfactual:
    """The counterfactual of `query` for `target` (5,) by the first of `neighbours`; at worst the whole of it."""
    donor = neighbours.signals_mv[0]
    weights = importance(donor, target)
    total = len(weights)
    length = _shortest(query, donor, weights, target, range(STEP, total, STEP), model) or total
    length = _shortest(query, donor, weights, target, range(length - STEP + 1, length), model) or length
    mask = stretch(weights, length, query.signal_mv.shape[1])
    return finished(
        NAME,
        query,
        target,
        np.where(mask, donor, query.signal_mv),
        mask,
        model,
        int(neighbours.places[0]),
        float(neighbours.distances_mv[0]),
    )


def stretch(weights: NDArray[np.floating], length: int, leads: int) -> Mask:
    """(T, leads), true for the `length` samples in a row of the largest sum of `weights` (T,); the first of equals."""
    sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    start = int(np.argmax(sums[length:] - sums[:-length]))
    mask = np.zeros((len(weights), leads), dtype=np.bool_)
    mask[start : start + length] = True
    return mask


def _shortest(
    query: Query,
    donor_mv: Signal,
    weights: NDArray[np.floating],
    target: Labels,
    lengths: range,
    model: BlackBox,
    batch: int = 25,
) -> int | None:
    """The first of `lengths` whose stretch turns the prediction; None where none does."""
    for first in range(0, len(lengths), batch):
        tried = lengths[first : first + batch]
        masks = np.stack([stretch(weights, length, donor_mv.shape[1]) for length in tried])
        valid = (model.labels(np.where(masks, donor_mv, query.signal_mv)) == target).all(axis=1)
        if valid.any():
            return tried[int(np.argmax(valid))]
    return None
