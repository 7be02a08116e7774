"""CoMTE: whole leads of a real record of the target replace those of the query, as few as turn the prediction.

After Ates, Aksar, Leung and Coskun 2021 (Counterfactual Explanations for Multivariate Time Series, ICAPAI;
https://github.com/peaclab/CoMTE), by its sequential greedy search: from each of a few nearest distractors the lead that
helps most is taken, then the next, until the prediction is the target; then leads that turn out not to be needed are
given back. Departures:

- what helps is what lowers `base.missing`, over all five labels, where theirs raises the probability of one class;
- where no lead helps, the least harmful is taken, where theirs gives up. With all leads taken the result is the
  distractor itself, which is predicted as the target, so that the search always ends with a valid one;
- theirs tries hill climbing from random starts first and greedy search where that fails. With 12 leads the greedy one
  costs 78 evaluations per distractor, and needs no random numbers.
"""

import numpy as np
from numpy.typing import NDArray

from peers.base import Neighbours, finished, missing
from veribeat.black_box import BlackBox
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.sparse import Signal
from veribeat.counterfactual.targets import Labels

NAME = "comte"
DISTRACTORS = 3
"""Nearest records of the target to try; theirs has 2 by default."""

Leads = NDArray[np.bool_]


def comte(query: Query, target: Labels, neighbours: Neighbours, model: BlackBox) -> Counterfactual:
    """The counterfactual of `query` for `target` (5,) with the fewest leads; the nearer distractor of equals."""
    tried = [_greedy(query.signal_mv, donor, target, model) for donor in neighbours.signals_mv]
    best = min(range(len(tried)), key=lambda place: int(tried[place].sum()))
    mask = np.broadcast_to(tried[best], query.signal_mv.shape).copy()
    return finished(
        NAME,
        query,
        target,
        np.where(mask, neighbours.signals_mv[best], query.signal_mv),
        mask,
        model,
        int(neighbours.places[best]),
        float(neighbours.distances_mv[best]),
    )


def _greedy(query_mv: Signal, donor_mv: Signal, target: Labels, model: BlackBox) -> Leads:
    """Leads (12,) to take from the donor; all of them where no fewer are found."""

    def swapped(choices: NDArray[np.bool_]) -> Signal:
        signals: Signal = np.where(choices[:, None], donor_mv, query_mv)
        return signals

    taken = np.zeros(query_mv.shape[1], dtype=np.bool_)
    order: list[int] = []
    while not taken.all():
        free = np.flatnonzero(~taken)
        signals = swapped(np.stack([_with(taken, lead, True) for lead in free.tolist()]))
        lack = missing(model.probabilities(signals), model.thresholds, target)
        lead = int(free[np.argmin(lack)])
        taken = _with(taken, lead, True)
        order.append(lead)
        if _turned(swapped(taken[None]), target, model):
            break
    # An early lead may have become needless through later ones; the last one was needed.
    for lead in order[:-1]:
        without = _with(taken, lead, False)
        if _turned(swapped(without[None]), target, model):
            taken = without
    return taken


def _with(taken: Leads, lead: int, value: bool) -> Leads:
    changed = taken.copy()
    changed[lead] = value
    return changed


def _turned(signals_mv: Signal, target: Labels, model: BlackBox) -> bool:
    return bool((model.labels(signals_mv) == target).all())
