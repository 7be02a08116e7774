"""Recordings, prototypes and a classifier that are simple enough to work out by hand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox, DifferentiableModel, Probabilities
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.query import Donors
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.stored_units import from_units, to_units

LEVELS_MV = {name: 0.5 * place for place, name in enumerate(SUPERCLASSES)}
"""A recording belongs to the superclass whose level is nearest to its mean."""

PEAKS = np.arange(60, 1000, 80)


def recording(superclass: str, seed: int) -> NDArray[np.float32]:
    """(1000, 12) in stored units, with a peak of 1 mV at PEAKS, about the level of its superclass."""
    walk = np.random.default_rng(seed).normal(0, 0.01, (1000, 12)).cumsum(axis=0)
    signal = walk - walk.mean() + LEVELS_MV[superclass]
    signal[PEAKS] += 1.0
    return from_units(to_units(signal))


def prototype_set(superclasses: Sequence[str]) -> PrototypeSet:
    """One prototype per name, with seeds 0, 1 .."""
    count = len(superclasses)
    return PrototypeSet(
        signals_mv=np.stack([recording(name, seed) for seed, name in enumerate(superclasses)]),
        ecg_ids=np.arange(count) + 100,
        superclasses=tuple(superclasses),
        clusters=np.zeros(count, dtype=np.int64),
        cluster_sizes=np.ones(count, dtype=np.int64),
        silhouettes=np.zeros(count),
        mean_distances=np.zeros(count),
        provenance={},
    )


def donor_set(prototypes: PrototypeSet, peaks: NDArray[np.int64] = PEAKS) -> Donors:
    """The prototypes with R-peaks that are known."""
    return Donors(prototypes, dict.fromkeys(range(len(prototypes.ecg_ids)), peaks))


def level_model() -> DifferentiableModel:
    """P = 1 / (1 + distance of the mean to the superclass's level / 0.25 mV), positive from 0.5 on: the nearest one."""
    levels = np.array(list(LEVELS_MV.values()))

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = signals_mv.mean(axis=(1, 2), dtype=np.float64)
        return (1 / (1 + np.abs(mean[:, None] - levels) / 0.25)).astype(np.float32)

    return differentiable(probabilities)


def mean_model(
    seen: NDArray[np.bool_], superclass: str, enough_mv: float, width_mv: float
) -> DifferentiableModel:
    """`superclass` from a mean of `enough_mv` over the samples `seen` (1000, 12) on, NORM below; a logit per width."""

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = signals_mv[:, seen].mean(axis=1, dtype=np.float64)
        found = np.full((len(signals_mv), 5), 0.01, dtype=np.float32)
        there = 1 / (1 + np.exp(-(mean - enough_mv) / width_mv))
        found[:, SUPERCLASSES.index(superclass)], found[:, 0] = there, 1 - there
        return found

    return differentiable(probabilities, seen)


STEP_MV = 1e-3


def differentiable(
    probabilities: Probabilities, seen: NDArray[np.bool_] | None = None
) -> DifferentiableModel:
    """A model of the mean over the samples `seen` (1000, 12), all by default, with thresholds of 0.5: its gradient is
    the same at each of them, and 0 elsewhere."""
    where = np.ones((1000, 12), dtype=np.bool_) if seen is None else seen
    model = BlackBox(probabilities, np.full(5, 0.5))

    def gradients(signals_mv: NDArray[np.float32], target: NDArray[np.bool_]) -> NDArray[np.float32]:
        step = np.float32(STEP_MV) * where
        rise = model.margins(signals_mv + step, target) - model.margins(signals_mv - step, target)
        return (rise[:, None, None] / (2 * STEP_MV * where.sum()) * where).astype(np.float32)

    return DifferentiableModel(probabilities, model.thresholds, gradients)
