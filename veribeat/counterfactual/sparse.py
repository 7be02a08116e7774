"""The smallest part of a donor that turns the prediction of a query ([CF] 3.3.2, eq. 13)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from veribeat.black_box import BlackBox
from veribeat.metrics.thresholds import predict_labels
from veribeat.signal.stored_units import from_units, to_units

Signal = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SparseSettings:
    """How to search: [CF] 3.3.2.

    `keep_ratios` ascending, shares of all samples of all leads; `shortest_segment` in samples of one lead;
    `r_peak_radius` in samples to either side of an R-peak, where importance is multiplied by `r_peak_weight`.
    """

    keep_ratios: tuple[float, ...]
    shortest_segment: int
    r_peak_radius: int
    r_peak_weight: float


@dataclass(frozen=True)
class Sparsified:
    """A query with samples of a donor, in stored units.

    `signal_mv` (T, leads) has the donor's values where `mask` (T, leads) is True. `probabilities` (5,) are the model's
    for just this signal, and `valid` says whether they give the target. `keep_ratio` is the one that the mask was made
    with; without short segments the mask may be smaller.
    """

    signal_mv: Signal
    mask: Mask
    keep_ratio: float
    probabilities: NDArray[np.float32]
    valid: bool


def sparsify(
    query_mv: Signal,
    donor_mv: Signal,
    target: NDArray[np.bool_],
    query_peaks: NDArray[np.integer],
    model: BlackBox,
    settings: SparseSettings,
) -> Sparsified:
    """The lowest keep-ratio whose mask turns the prediction into `target`; the highest, not valid, if none does.

    All ratios are tried, as one batch, because validity is not monotone in the ratio. Every candidate is rounded to
    stored units before the model sees it, so that what is stored is what was verified.

    Args:
        query_mv: (T, leads), in stored units.
        donor_mv: (T, leads), a prototype, aligned or not.
        target: (5,) label set that must be predicted, exactly; not what the query already has.
        query_peaks: samples of the query's R-peaks.
        model: the classifier.
        settings: how to search.
    """
    masks = candidate_masks(importance(query_mv, donor_mv, query_peaks, settings), settings)
    candidates = from_units(to_units(np.where(masks, donor_mv, query_mv)))
    probabilities = model.probabilities(candidates)
    valid = (predict_labels(probabilities, model.thresholds) == target).all(axis=1)
    chosen = int(np.argmax(valid)) if valid.any() else len(masks) - 1
    return Sparsified(
        candidates[chosen],
        masks[chosen],
        settings.keep_ratios[chosen],
        probabilities[chosen],
        bool(valid[chosen]),
    )


def importance(
    query_mv: Signal, donor_mv: Signal, query_peaks: NDArray[np.integer], settings: SparseSettings
) -> Signal:
    """|donor - query| in mV, (T, leads), multiplied by the weight around the query's R-peaks."""
    score: Signal = np.abs(donor_mv - query_mv)
    around = np.zeros(len(score), dtype=np.bool_)
    for peak in query_peaks:
        around[max(peak - settings.r_peak_radius, 0) : peak + settings.r_peak_radius + 1] = True
    score[around] *= settings.r_peak_weight
    return score


def candidate_masks(score: Signal, settings: SparseSettings) -> Mask:
    """Masks (ratios, T, leads) of the most important samples, without segments of a lead that are too short.

    Of equally important samples the earlier one comes first, then the first lead.
    """
    order = np.argsort(-score, axis=None, kind="stable")
    rank = np.empty(score.size, dtype=np.int64)
    rank[order] = np.arange(score.size)
    kept = np.rint(np.multiply(settings.keep_ratios, score.size))
    masks = rank.reshape(score.shape) < kept[:, None, None]
    opened: Mask = binary_opening(masks, structure=np.ones((1, settings.shortest_segment, 1)))
    return opened
