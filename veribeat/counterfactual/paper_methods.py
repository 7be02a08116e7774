"""The counterfactuals of [CF] 3.3 for one query and one target: `original`, `sparse` and `aligned_sparse`."""

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.counterfactual.alignment import align
from veribeat.counterfactual.query import Counterfactual, Donors, Query
from veribeat.counterfactual.sparse import Signal, SparseSettings, Sparsified, sparsify
from veribeat.counterfactual.targets import Labels
from veribeat.metrics.thresholds import predict_labels
from veribeat.signal.stored_units import from_units, to_units

PAPER_METHODS = ("original", "sparse", "aligned_sparse")
"""Names of the methods, in the order of the columns of [CF] Table 3."""

NOT_ALIGNED = "not aligned: the query or the prototype has fewer than two R-peaks"


def paper_counterfactual(
    method: str,
    query: Query,
    target: Labels,
    prototypes: Donors,
    distances: NDArray[np.float64],
    model: BlackBox,
    settings: SparseSettings,
) -> Counterfactual:
    """Return the counterfactual by one of PAPER_METHODS ([CF] 3.3.3).

    All start from the prototype of the target's superclasses that is nearest to the query; the first of equals.
    `original` is that prototype itself, `sparse` as little of it as turns the prediction, and `aligned_sparse` as
    little of it in the query's rhythm. With a prototype that the model classifies as the target, the first two are
    valid by construction. What cannot be aligned leaves the query as it is, not valid, with a note.

    Args:
        method: one of PAPER_METHODS.
        query: what to explain.
        target: (5,) label set that must be predicted, exactly.
        prototypes: the N prototypes of all superclasses.
        distances: (N,) DTW distances of the query to them in mV ([CF] eq. 7), the same for every target.
        model: the classifier.
        settings: of the search for a sparse mask.

    Raises:
        InputError: the query is already predicted as the target, or no prototype has a superclass of it.
    """
    donors = prototypes.of_target(query, target)
    nearest = int(donors[np.argmin(distances[donors])])
    prototype, note = prototypes.records.signals_mv[nearest], ""

    def searched(donor_mv: Signal) -> Sparsified:
        return sparsify(query.signal_mv, donor_mv, target, query.r_peaks, model, settings)

    if method == "original":
        made = _whole(prototype, target, model)
    elif method == "sparse":
        made = searched(prototype)
    else:
        aligned = align(prototype, prototypes.peaks(nearest), query.r_peaks)
        made, note = (_unchanged(query), NOT_ALIGNED) if aligned is None else (searched(aligned), "")
    return Counterfactual(
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


def _whole(prototype_mv: Signal, target: Labels, model: BlackBox) -> Sparsified:
    signal = from_units(to_units(prototype_mv))
    probabilities = model.probabilities(signal[None])[0]
    valid = np.array_equal(predict_labels(probabilities, model.thresholds), target)
    return Sparsified(signal, np.ones(signal.shape, dtype=np.bool_), 1.0, probabilities, valid)


def _unchanged(query: Query) -> Sparsified:
    nowhere = np.zeros(query.signal_mv.shape, dtype=np.bool_)
    return Sparsified(query.signal_mv, nowhere, 0.0, query.probabilities, False)
