"""The nearest unlike neighbour: a real record of the target, taken whole.

Keane and Smyth 2020 (Good Counterfactuals and Where to Find Them, ICCBR) and Delaney, Greene and Keane 2021
(Instance-Based Counterfactual Explanations for Time Series Classification, ICCBR) start from it. Theirs is the nearest
record of any other class; ours is the nearest that has, and is predicted as, just the target, so that it is valid by
construction. Distances are Euclidean in mV.
"""

import numpy as np

from peers.base import Neighbours, finished
from veribeat.black_box import BlackBox
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.targets import Labels

NAME = "nearest_unlike"


def nearest_unlike(query: Query, target: Labels, neighbours: Neighbours, model: BlackBox) -> Counterfactual:
    """The first of `neighbours` as the counterfactual of `query` for `target` (5,)."""
    return finished(
        NAME,
        query,
        target,
        neighbours.signals_mv[0],
        np.ones(query.signal_mv.shape, dtype=np.bool_),
        model,
        int(neighbours.places[0]),
        float(neighbours.distances_mv[0]),
    )
