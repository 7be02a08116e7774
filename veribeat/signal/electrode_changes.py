"""Exchanged and silent electrodes from the shape of the median beat: one linear rule for each that is thought of.

Nothing needs to be annotated: exchanging electrodes and silencing one are linear in the leads, so that the beats of
clean records, changed so, are the examples of each rule. Thresholds come from records that a rule has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from veribeat.errors import InputError
from veribeat.signal.beat_shape import AFTER, BEFORE, COLUMNS, shape_features
from veribeat.signal.electrodes import ELECTRODES, LEAD_WEIGHTS, LIMBS, POTENTIAL_WEIGHTS

Array = NDArray[np.float64]
Change: TypeAlias = str | tuple[str, str]
"""An electrode that is silent, or two that are exchanged."""

PAIRS: Final = (*combinations(LIMBS, 2), *combinations(ELECTRODES[3:], 2))
"""Electrodes that may be exchanged: limb with limb, chest with chest."""

FEWEST, MOST = 200, 16_000
"""Records to learn from; more than that are thinned evenly."""

REGULARISATION = 0.1
"""C of scikit-learn's logistic regression on standardised features."""

SEED = 0
"""Of the halves that rules are learnt on, and of the rest at a silent electrode."""

REST_MV: Final = (0.002, 0.2)
"""What the beat of a silent electrode still shows in the examples, lowest and highest: noise and wander that the median
leaves."""

TO_POTENTIALS: Final = POTENTIAL_WEIGHTS[:, COLUMNS]
FROM_POTENTIALS: Final = LEAD_WEIGHTS[COLUMNS]


@dataclass(frozen=True)
class Rules:
    """K linear rules on M features: weights (K, M) and intercepts (K,) give log odds, which thresholds (K,) limit."""

    weights: Array
    intercepts: Array
    thresholds: Array

    def excess(self, features: Array) -> Array:
        """Log odds above the thresholds, (N, K), of features (N, M)."""
        above: Array = features @ self.weights.T + self.intercepts - self.thresholds
        return above


def exchanged(beats: Array, pair: tuple[str, str]) -> Array:
    """Beats (N, 70, 8) as they would be with two electrodes exchanged."""
    order = np.arange(len(ELECTRODES))
    first, second = (ELECTRODES.index(name) for name in pair)
    order[[first, second]] = second, first
    changed: Array = beats @ (FROM_POTENTIALS[:, order] @ TO_POTENTIALS).T
    return changed


def silenced(beats: Array, electrode: str, random: np.random.Generator) -> Array:
    """Beats (N, 70, 8) as they would be with nothing of the heart at one electrode, but noise and a rest of wander."""
    electrodes = beats @ TO_POTENTIALS.T
    n, samples = len(beats), BEFORE + AFTER
    level = np.exp(random.uniform(np.log(REST_MV[0]), np.log(REST_MV[1]), (n, 1)))
    time = np.linspace(-1, 1, samples)
    wander = random.normal(0, 1, (n, 1)) * time + random.normal(0, 1, (n, 1)) * time**2
    rest = level * (random.standard_normal((n, samples)) + 2 * random.uniform(0, 1, (n, 1)) * wander)
    electrodes[:, :, ELECTRODES.index(electrode)] = rest
    changed: Array = electrodes @ FROM_POTENTIALS.T
    return changed


def fit_rules(beats: Array, false_alarms: float, changes: Sequence[Change]) -> tuple[Rules, Array]:
    """Rules for K changes, PAIRS or ELECTRODES, and the log odds (K, N) by which the thresholds were set.

    Each is learnt on two halves of the beats (N, 70, 8) of clean records, and is the mean of both. By the rules of the
    half that a record is not in, the share `false_alarms` of the records is above a threshold, and as many above each.

    Raises:
        InputError: fewer than FEWEST records.
    """
    if len(beats) < FEWEST:
        raise InputError(
            f"{len(beats)} clean records are too few to learn from; at least {FEWEST} are needed."
        )
    beats = beats[np.linspace(0, len(beats) - 1, min(len(beats), MOST)).astype(np.int64)]
    random = np.random.default_rng(SEED)
    half = random.permutation(len(beats)) % 2 == 0
    clean = shape_features(beats)
    learnt, unseen = [], []
    for change in changes:
        changed = exchanged(beats, change) if isinstance(change, tuple) else silenced(beats, change, random)
        features = shape_features(changed)
        fits = [_fit(clean[rows], features[rows]) for rows in (half, ~half)]
        learnt.append((sum(weights for weights, _ in fits) / 2, sum(intercept for _, intercept in fits) / 2))
        odds = np.empty(len(clean))
        for (weights, intercept), rows in zip(fits, (~half, half), strict=True):
            odds[rows] = clean[rows] @ weights + intercept
        unseen.append(odds)
    scores = np.array(unseen)
    weights, intercepts = (np.array(part) for part in zip(*learnt, strict=True))
    return Rules(weights, intercepts, _thresholds(scores, false_alarms)), scores


def _fit(clean: Array, changed: Array) -> tuple[Array, float]:
    """Weights (M,) and intercept of the log odds of `changed` (n, M) against `clean` (n, M)."""
    both = np.concatenate([clean, changed])
    mean, spread = both.mean(axis=0), both.std(axis=0)
    spread[spread == 0] = 1
    model = LogisticRegression(C=REGULARISATION, max_iter=500)
    model.fit((both - mean) / spread, np.repeat([0, 1], len(clean)))
    weights = model.coef_[0] / spread
    return weights, float(model.intercept_[0] - weights @ mean)


def _thresholds(scores: Array, false_alarms: float) -> Array:
    """Thresholds (K,) for scores (K, N) of clean records: the same number of records above each."""
    descending = np.sort(scores, axis=1)[:, ::-1]
    allowed = false_alarms * scores.shape[1]
    above = 0
    while (scores > descending[:, [above + 1]]).any(axis=0).sum() <= allowed:
        above += 1
    thresholds: Array = descending[:, above]
    return thresholds
