"""Rules that keep a prediction: intervals around the important features of one record ([CF] 3.1.1, 4.6.1).

Two readings of "the maximal range of values that preserve consistency":

- `box`: the largest box that is found, with one scale for all features, in which no record of an independent draw
  changes its label set;
- `hull`: the range of those perturbed records that keep it, whatever lies between them.

Each rule states its precision on perturbed records that had no part in making it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.errors import InputError
from veribeat.rules.box import box_scale
from veribeat.rules.hull import hull_bounds
from veribeat.rules.trial import Trial, uniform_batches

Interval = Literal["box", "hull"]
Perturbation = Literal["uniform", "gaussian"]


@dataclass(frozen=True)
class RuleSettings:
    """How rules are made: reading of the interval, noise, perturbed records per draw, steps of the bisection.

    `bisections` sets the smallest scale of a box, and the step between scales: 2^-bisections. A hull has none. Only a
    hull takes gaussian noise, which has no bounds to make a box of; InputError otherwise.
    """

    interval: Interval
    perturbation: Perturbation
    samples: int
    bisections: int

    def __post_init__(self) -> None:
        if self.interval == "box" and self.perturbation != "uniform":
            raise InputError("A box needs uniform perturbations; choose those, or the interval hull.")


@dataclass(frozen=True, eq=False)
class Rule:
    """The conjunction over its features (times, leads) of low < x <= high, in mV ([CF] eq. 5); all arrays are (F,).

    kept: a rule was found; if not, `reason` says why and all bounds are NaN, which no record satisfies.
    scale: of a box, its half-widths as a share of sigma_f; NaN for a hull.
    precision: share of the perturbed records of a third, independent draw, uniform within the intervals, that keep
        the label set; NaN without a rule. It never changes the rule.
    forwards: records that the model has seen for this.
    """

    times: NDArray[np.int64]
    leads: NDArray[np.int64]
    low_mv: NDArray[np.float32]
    high_mv: NDArray[np.float32]
    kept: bool
    reason: str
    scale: float
    precision: float
    forwards: int


def make_rule(
    signal_mv: NDArray[np.float32],
    important: NDArray[np.bool_],
    sigma_f_mv: NDArray[np.floating],
    model: BlackBox,
    settings: RuleSettings,
    seed: Sequence[int],
) -> Rule:
    """Return the rule of one record: values of its important features that keep its whole label set.

    Args:
        signal_mv: (1000, 12).
        important: (1000, 12), the features of the rule ([CF] eq. 3).
        sigma_f_mv: (1000, 12), reach of the perturbation: each feature's standard deviation over the training folds
            ([CF] eq. 4). For gaussian noise as in [CF] 4.6.1, sigma = 1.0 in normalised units everywhere.
        model: the classifier.
        settings: how to make it.
        seed: integers that name this rule, such as (seed, ecg_id, class); the draws extend it by their number.
    """
    times, leads = np.nonzero(important)
    if not len(times):
        return _no_rule(times, leads, "no feature is important", forwards=0)
    trial = Trial(signal_mv, times, leads, model)
    sigma_mv = sigma_f_mv[times, leads].astype(np.float32)
    scale = np.nan
    if settings.interval == "box":
        scale = box_scale(trial, sigma_mv, settings.samples, settings.bisections, seed)
        if not scale:
            smallest = f"sigma_f / {2**settings.bisections}"
            return _no_rule(times, leads, f"labels change within {smallest}", trial.forwards)
        reach = np.float32(scale) * sigma_mv
        lowest, highest = trial.values - reach, trial.values + reach
    else:
        bounds = hull_bounds(trial, sigma_mv, settings.perturbation, settings.samples, seed)
        if bounds is None:
            return _no_rule(times, leads, "every perturbed record changes its labels", trial.forwards)
        lowest, highest = bounds
    # The lowest value itself belongs to the interval (low, high].
    low = np.nextafter(lowest, np.float32(-np.inf))
    precision = _precision(trial, low, highest, settings.samples, seed)
    return Rule(times, leads, low, highest, True, "", scale, precision, trial.forwards)


def _precision(
    trial: Trial,
    low_mv: NDArray[np.float32],
    high_mv: NDArray[np.float32],
    samples: int,
    seed: Sequence[int],
) -> float:
    centre, reach = (low_mv + high_mv) / np.float32(2), (high_mv - low_mv) / np.float32(2)
    batches = uniform_batches(samples, len(centre), [*seed, 2])
    kept = sum(np.count_nonzero(trial.keeps(centre + reach * batch)) for batch in batches)
    return float(kept / samples)


def _no_rule(times: NDArray[np.int64], leads: NDArray[np.int64], reason: str, forwards: int) -> Rule:
    nowhere = np.full(len(times), np.nan, dtype=np.float32)
    return Rule(times, leads, nowhere, nowhere, False, reason, np.nan, np.nan, forwards)
