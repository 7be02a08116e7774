"""How good a counterfactual is: the metrics of [CF] 3.4 and more, for one of them and for all of one query."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from veribeat.black_box import BlackBox, DifferentiableModel
from veribeat.counterfactual.methods import DonorSets, MethodSettings, explain_query
from veribeat.counterfactual.plausibility import (
    AmplitudeRange,
    IntervalRange,
    intervals_outside,
    joint_jump,
    limb_lead_residual,
    share_outside,
)
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.stability import draw_noise, share_kept, shifted, temporal_stability, with_noise
from veribeat.counterfactual.targets import Labels
from veribeat.dtw.distances import dtw_distances
from veribeat.metrics.thresholds import predict_labels

PARTS = 4
"""Into which the disturbed copies of a counterfactual are split for the workers."""


@dataclass(frozen=True)
class QualityWeights:
    """Weights of the composite Q ([CF] 5.5), which leaves them open."""

    validity: float
    sparsity: float
    stability: float
    margin: float


@dataclass(frozen=True)
class EvaluationSettings:
    """How to measure: [CF] 3.4.

    `sigma_mv` is the standard deviation of the training signals in mV. `tolerance_sigma` times it is the largest
    difference that counts as none (eq. 16). `noise_levels` are multiples of the counterfactual's own standard
    deviation, with `noise_draws` each (eq. 20); `shifts` are in samples (eq. 22).
    """

    sigma_mv: float
    tolerance_sigma: float
    noise_levels: tuple[float, ...]
    noise_draws: int
    shifts: tuple[int, ...]
    weights: QualityWeights


@dataclass(frozen=True)
class RealRecords:
    """Real records to compare counterfactuals with.

    `amplitudes` are what they have in each lead, `intervals` between their waves. `of_target` returns, for a label set
    (5,), the records (N, 1000, 12) in mV that have just these labels; None leaves `nearest_real_mv` out: a DTW distance
    to each of them.
    """

    amplitudes: AmplitudeRange
    intervals: IntervalRange
    of_target: Callable[[Labels], Signal] | None


@dataclass(frozen=True)
class Metrics:
    """The metrics of one counterfactual x' of a query x; shares and rates are from 0 to 1.

    - `validity`: 1 if the predicted label set is the target and not the query's (eq. 14, 15), else 0;
      `target_present`: 1 if the target's labels are among the predicted ones;
    - `share_changed`: samples of all leads that differ by more than the tolerance (eq. 16); `l0_share`: that differ at
      all (eq. 17 / T / leads);
    - `mean_abs_mv`, `rms_mv`: mean |x' - x| and its root mean square over all samples of all leads (eq. 18, 19, as
      means); `mean_abs_sigma`, `rms_sigma`: the same over sigma_mv. `max_abs_mv`: the largest |x' - x|;
    - `noise_stability` (eq. 20), `temporal_stability` (eq. 21, 22, in normalised units); `shift_kept`: share of the
      shifts that keep the prediction;
    - `predicted_margin`: p - t of whatever is predicted (eq. 23), the smallest over its labels; NaN where no label is;
      `target_margin`: the same of the target's labels, below 0 where one is missed; `worst_signed_margin`: the smallest
      over all five labels of p - t where wanted and t - p where not, so that it is below 0 where a label is wrong;
    - `quality`: Q of section 5.5;
    - `changed_segments`: runs of samples of one lead that were taken from the donor; `joint_jump_mv`,
      `limb_lead_residual_mv`, `share_outside_range` (of all samples), `intervals_outside_range` (of PR, QRS and QT):
      see `plausibility`;
    - `nearest_real_mv`: DTW distance in mV (eq. 7) to the nearest real record with the target's labels; NaN without
      records to compare with. 0 for a prototype that is among them;
    - `witness_reached`, `witness_present`: 1 if another classifier, which had no part in it, predicts just the target's
      labels, or those and maybe others; NaN without one.
    """

    validity: float
    target_present: float
    share_changed: float
    l0_share: float
    mean_abs_mv: float
    rms_mv: float
    mean_abs_sigma: float
    rms_sigma: float
    max_abs_mv: float
    noise_stability: float
    temporal_stability: float
    shift_kept: float
    predicted_margin: float
    target_margin: float
    worst_signed_margin: float
    quality: float
    changed_segments: float
    joint_jump_mv: float
    limb_lead_residual_mv: float
    share_outside_range: float
    intervals_outside_range: float
    nearest_real_mv: float
    witness_reached: float
    witness_present: float


@dataclass(frozen=True)
class Evaluated:
    """A counterfactual and its metrics."""

    counterfactual: Counterfactual
    metrics: Metrics


def evaluate_query(
    query: Query,
    targets: Sequence[Labels],
    methods: Sequence[str],
    sources: DonorSets,
    model: DifferentiableModel,
    search: MethodSettings,
    measure: EvaluationSettings,
    real: RealRecords,
    seed: Sequence[int],
    witness: BlackBox | None = None,
) -> tuple[Evaluated, ...]:
    """Each method's counterfactual for every target, with its metrics; targets in order, methods within each.

    The result depends on the arguments alone. Noise is drawn once and shared by all counterfactuals of the query, so
    that their differences are not differences of noise.

    Args:
        query: what to explain.
        targets: label sets (5,); see `targets.single_targets`.
        methods: see `explain_query`.
        sources: see `explain_query`.
        model: the classifier.
        search: of the counterfactuals.
        measure: of the metrics.
        real: what to compare with.
        seed: of the noise, such as (seed, ecg_id).
        witness: another classifier that is asked what it sees.

    Raises:
        InputError: as `explain_query`.
    """
    noise = draw_noise(len(measure.noise_levels), measure.noise_draws, query.signal_mv.shape, seed)
    return tuple(
        Evaluated(found, evaluate(query, found, noise, real, model, measure, witness))
        for found in explain_query(query, targets, methods, sources, model, search)
    )


def evaluate(
    query: Query,
    found: Counterfactual,
    noise: Signal,
    real: RealRecords,
    model: BlackBox,
    settings: EvaluationSettings,
    witness: BlackBox | None = None,
    workers: int = 1,
) -> Metrics:
    """The metrics of one counterfactual.

    Args:
        query: what was explained.
        found: its counterfactual.
        noise: from `stability.draw_noise`, (levels, draws, 1000, 12).
        real: what to compare with.
        model: the classifier.
        settings: how to measure.
        witness: another classifier that is asked what it sees.
        workers: threads; the result does not depend on their number.
    """
    real_mv = None if real.of_target is None else real.of_target(found.target)
    labels = predict_labels(found.probabilities, model.thresholds)
    margins = found.probabilities.astype(np.float64) - model.thresholds
    validity = float(np.array_equal(labels, found.target) and not np.array_equal(labels, query.labels))
    target_margin = float(margins[found.target].min())

    difference = np.abs(found.signal_mv.astype(np.float64) - query.signal_mv)
    share_changed = float((difference > settings.tolerance_sigma * settings.sigma_mv).mean())
    mean_abs, rms = float(difference.mean()), float(np.sqrt(np.square(difference).mean()))

    slow = _slow(found, labels, noise, real, model, settings, workers)
    reached, present = _witnessed(found, witness)

    return Metrics(
        validity=validity,
        target_present=float(labels[found.target].all()),
        share_changed=share_changed,
        l0_share=float((difference > 0).mean()),
        mean_abs_mv=mean_abs,
        rms_mv=rms,
        mean_abs_sigma=mean_abs / settings.sigma_mv,
        rms_sigma=rms / settings.sigma_mv,
        max_abs_mv=float(difference.max()),
        noise_stability=slow.noise_stability,
        temporal_stability=slow.temporal_stability,
        shift_kept=slow.shift_kept,
        predicted_margin=float(margins[labels].min()) if labels.any() else np.nan,
        target_margin=target_margin,
        worst_signed_margin=float(np.where(found.target, margins, -margins).min()),
        quality=quality(validity, share_changed, slow.noise_stability, target_margin, settings.weights),
        changed_segments=changed_segments(found.mask),
        joint_jump_mv=joint_jump(found.signal_mv, query.signal_mv, found.mask),
        limb_lead_residual_mv=limb_lead_residual(found.signal_mv),
        share_outside_range=share_outside(found.signal_mv, real.amplitudes),
        intervals_outside_range=slow.intervals_outside_range,
        nearest_real_mv=nearest_real(found.signal_mv, real_mv),
        witness_reached=reached,
        witness_present=present,
    )


class _Slow(NamedTuple):
    """The metrics that take time, by their names in `Metrics`."""

    noise_stability: float
    shift_kept: float
    temporal_stability: float
    intervals_outside_range: float


def _slow(
    found: Counterfactual,
    labels: Labels,
    noise: Signal,
    real: RealRecords,
    model: BlackBox,
    settings: EvaluationSettings,
    workers: int,
) -> _Slow:
    """Stability of the `labels` of a counterfactual, and its intervals beside real ones, by `workers` threads."""
    noisy = with_noise(found.signal_mv, settings.noise_levels, noise)
    disturbed = np.concatenate([noisy, shifted(found.signal_mv, settings.shifts)])
    with ThreadPoolExecutor(workers) as pool:
        # In parts that do not depend on the number of workers, as no result does.
        asked = pool.map(model.labels, np.array_split(disturbed, PARTS))
        outside = pool.submit(intervals_outside, found.signal_mv, real.intervals)
        stability = pool.submit(temporal_stability, found.signal_mv, settings.shifts, settings.sigma_mv)
        of_disturbed = np.concatenate(list(asked))
    return _Slow(
        noise_stability=share_kept(labels, of_disturbed[: len(noisy)]),
        shift_kept=share_kept(labels, of_disturbed[len(noisy) :]),
        temporal_stability=stability.result(),
        intervals_outside_range=outside.result(),
    )


def _witnessed(found: Counterfactual, witness: BlackBox | None) -> tuple[float, float]:
    if witness is None:
        return np.nan, np.nan
    (labels,) = witness.labels(found.signal_mv[None])
    return float(np.array_equal(labels, found.target)), float(labels[found.target].all())


def quality(
    validity: float, share_changed: float, noise_stability: float, margin: float, weights: QualityWeights
) -> float:
    """The composite Q of [CF] 5.5: validity, 1 - share changed, noise stability and margin, weighted and added."""
    return (
        weights.validity * validity
        + weights.sparsity * (1 - share_changed)
        + weights.stability * noise_stability
        + weights.margin * margin
    )


def changed_segments(mask: Mask) -> float:
    """How many runs of consecutive samples of one lead a mask (T, leads) has."""
    begins = np.diff(mask.astype(np.int8), axis=0, prepend=0) == 1
    return float(begins.sum())


def nearest_real(signal_mv: Signal, real_mv: Signal | None) -> float:
    """DTW distance in mV of a signal (T, leads) to the nearest of (N, T, leads) ([CF] eq. 7); NaN without any."""
    if real_mv is None or not len(real_mv):
        return np.nan
    # A prototype is itself a real record. No distance is below 0, so the search can be left out.
    if (real_mv == signal_mv).all(axis=(1, 2)).any():
        return 0.0
    return float(dtw_distances(signal_mv, real_mv).min())
