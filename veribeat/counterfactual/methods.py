"""The counterfactuals of [CF] 3.3 for one query and one target: `original`, `sparse` and `aligned_sparse`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.counterfactual.alignment import align
from veribeat.counterfactual.sparse import Mask, Signal, SparseSettings, Sparsified, sparsify
from veribeat.counterfactual.targets import Labels, names_of
from veribeat.errors import InputError
from veribeat.metrics.thresholds import predict_labels
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.stored_units import from_units, to_units

METHODS = ("original", "sparse", "aligned_sparse")
"""Names of the methods, in the order of the columns of [CF] Table 3."""

NOT_ALIGNED = "not aligned: the query or the prototype has fewer than two R-peaks"


@dataclass(frozen=True)
class Query:
    """A recording to explain: signal (1000, 12) in stored units, what the model says of it, samples of its R-peaks."""

    signal_mv: Signal
    labels: Labels
    probabilities: NDArray[np.float32]
    r_peaks: NDArray[np.integer]


@dataclass(frozen=True)
class Counterfactual:
    """A changed recording that is to be classified as `target` (5,).

    `prototype` is the index of the donor in its PrototypeSet and `distance` its DTW distance to the query in mV ([CF]
    eq. 7). `signal_mv` (1000, 12) is in stored units and `probabilities` (5,) are the model's for just this signal.
    `mask` (1000, 12) is where it was taken from the donor. `note` is empty unless something could not be done.
    """

    method: str
    target: Labels
    prototype: int
    distance: float
    signal_mv: Signal
    mask: Mask
    keep_ratio: float
    probabilities: NDArray[np.float32]
    valid: bool
    note: str = ""


def make_query(signal_mv: Signal, r_peaks: NDArray[np.integer], model: BlackBox) -> Query:
    """The query of a recording (1000, 12) in mV, rounded to stored units, as counterfactuals are."""
    signal = from_units(to_units(signal_mv))
    probabilities = model.probabilities(signal[None])[0]
    return Query(signal, predict_labels(probabilities, model.thresholds), probabilities, r_peaks)


def explain_query(
    query: Query,
    target: Labels,
    prototypes: PrototypeSet,
    prototype_peaks: Sequence[NDArray[np.integer]],
    distances: NDArray[np.float64],
    model: BlackBox,
    settings: SparseSettings,
) -> tuple[Counterfactual, ...]:
    """One counterfactual per method, in the order of METHODS ([CF] 3.3.3).

    All start from the prototype of the target's superclasses that is nearest to the query; the first of equals.
    `original` is that prototype itself, `sparse` as little of it as turns the prediction, and `aligned_sparse` as
    little of it in the query's rhythm. With a prototype that the model classifies as the target, the first two are
    valid by construction. What cannot be aligned leaves the query as it is, not valid, with a note.

    Args:
        query: what to explain.
        target: (5,) label set that must be predicted, exactly.
        prototypes: the N prototypes of all superclasses.
        prototype_peaks: N arrays, samples of their R-peaks.
        distances: (N,) DTW distances of the query to them in mV ([CF] eq. 7), the same for every target.
        model: the classifier.
        settings: of the search for a sparse mask.

    Raises:
        InputError: the query is already predicted as the target, or no prototype has a superclass of it.
    """
    nearest = nearest_prototype(query, target, prototypes, distances)
    prototype = prototypes.signals_mv[nearest]
    aligned = align(prototype, prototype_peaks[nearest], query.r_peaks)

    def searched(donor_mv: Signal) -> Sparsified:
        return sparsify(query.signal_mv, donor_mv, target, query.r_peaks, model, settings)

    found = (
        _whole(prototype, target, model),
        searched(prototype),
        _unchanged(query) if aligned is None else searched(aligned.signal_mv),
    )
    notes = ("", "", NOT_ALIGNED if aligned is None else "")
    return tuple(
        Counterfactual(
            method=method,
            target=target,
            prototype=nearest,
            distance=float(distances[nearest]),
            signal_mv=made.signal_mv,
            mask=made.mask,
            keep_ratio=made.keep_ratio,
            probabilities=made.probabilities,
            valid=made.valid,
            note=note,
        )
        for method, made, note in zip(METHODS, found, notes, strict=True)
    )


def nearest_prototype(
    query: Query, target: Labels, prototypes: PrototypeSet, distances: NDArray[np.float64]
) -> int:
    """Index of the nearest prototype of the target's superclasses; see `explain_query`."""
    names = names_of(target)
    if np.array_equal(target, query.labels):
        raise InputError(
            f"The model already predicts {', '.join(names) or 'no superclass'}; choose another target."
        )
    donors = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *map(prototypes.of, names)]))
    if not len(donors):
        raise InputError(
            f"There is no prototype of {', '.join(names) or 'no superclass'}; choose another target."
        )
    return int(donors[np.argmin(distances[donors])])


def _whole(prototype_mv: Signal, target: Labels, model: BlackBox) -> Sparsified:
    signal = from_units(to_units(prototype_mv))
    probabilities = model.probabilities(signal[None])[0]
    valid = np.array_equal(predict_labels(probabilities, model.thresholds), target)
    return Sparsified(signal, np.ones(signal.shape, dtype=np.bool_), 1.0, probabilities, valid)


def _unchanged(query: Query) -> Sparsified:
    nowhere = np.zeros(query.signal_mv.shape, dtype=np.bool_)
    return Sparsified(query.signal_mv, nowhere, 0.0, query.probabilities, False)
