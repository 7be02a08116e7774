"""What a search for a sparse counterfactual chooses from: changes of one query that can be made one by one."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veribeat.counterfactual.sparse import Mask, Signal

Chosen = NDArray[np.bool_]
"""(N, U): which of U edits each of N candidates has; or (U,) of one."""


class Edits(Protocol):
    """U edits that together take a query (T, 12) to what a donor would look like in its place."""

    @property
    def costs(self) -> NDArray[np.float64]:
        """(U,) about the share of the samples of all leads that each edit changes."""
        ...

    def apply(self, chosen: Chosen) -> Signal:
        """The query with the `chosen` (N, U) edits, (N, T, 12) in mV, rounded to stored units."""
        ...

    def gains(self, gradient: Signal) -> NDArray[np.float64]:
        """(U,) what each edit adds to a function whose gradient by the signal is `gradient` (T, 12), to first order."""
        ...

    def mask(self, chosen: Chosen) -> Mask:
        """Where the `chosen` (U,) edits change the query, (T, 12)."""
        ...


def all_of(edits: Edits) -> Chosen:
    """Every edit, (1, U)."""
    return np.ones((1, len(edits.costs)), dtype=np.bool_)
