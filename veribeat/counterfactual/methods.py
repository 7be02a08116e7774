"""Every method of making a counterfactual, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.beat_methods import BEAT_METHODS, beat_counterfactual
from veribeat.counterfactual.paper_methods import PAPER_METHODS, paper_counterfactual
from veribeat.counterfactual.query import Counterfactual, Donors, Query
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.targets import Labels
from veribeat.counterfactual.trial import SearchSettings
from veribeat.dtw.distances import dtw_distances

METHODS = (*PAPER_METHODS, *BEAT_METHODS)
"""Names of the methods: those of [CF], then ours."""


@dataclass(frozen=True)
class DonorSets:
    """What counterfactuals are taken from: `prototypes` by the methods of [CF], `donors` by ours."""

    prototypes: Donors
    donors: Donors

    def of(self, method: str) -> Donors:
        """What a method takes from."""
        return self.prototypes if method in PAPER_METHODS else self.donors


@dataclass(frozen=True)
class MethodSettings:
    """How masks are searched for by the methods of [CF] (`sparse`), and edits by each of ours (`edits`).

    `workers` threads work on one search of ours; no result depends on their number.
    """

    sparse: SparseSettings
    edits: Mapping[str, SearchSettings]
    workers: int = 1


def explain_query(
    query: Query,
    targets: Sequence[Labels],
    methods: Sequence[str],
    sources: DonorSets,
    model: DifferentiableModel,
    settings: MethodSettings,
) -> tuple[Counterfactual, ...]:
    """One counterfactual for each of `targets` (5,) by each of `methods`: targets in order, methods within each.

    Raises:
        InputError: the query is already predicted as a target, or there is no donor for one.
        ValueError: an unknown method.
    """
    if unknown := set(methods) - set(METHODS):
        raise ValueError(f"unknown methods: {sorted(unknown)}")
    distances: NDArray[np.float64] | None = None
    if set(methods) & set(PAPER_METHODS):
        distances = dtw_distances(query.signal_mv, sources.prototypes.records.signals_mv)
    found = []
    for target in targets:
        for method in methods:
            if method in PAPER_METHODS and distances is not None:
                made = paper_counterfactual(
                    method, query, target, sources.prototypes, distances, model, settings.sparse
                )
            else:
                made = beat_counterfactual(
                    method,
                    query,
                    target,
                    sources.donors,
                    model,
                    settings.edits[method],
                    settings.workers,
                )
            found.append(made)
    return tuple(found)
