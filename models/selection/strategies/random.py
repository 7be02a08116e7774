"""As many records as another strategy trained on, at random: what dropping alone does."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.choice import Seen
from models.selection.phases import Phase
from models.selection.state import SampleState
from models.selection.strategy import Strategy


class Random(Strategy):
    """`sizes[epoch]` records drawn without replacement; beyond the list, all."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.drawn: NDArray[np.bool_] = np.empty(0, dtype=bool)

    @override
    def phase(self, epoch: int, epochs: int) -> Phase:
        return "undecided" if epoch < len(self.sizes) else "full"

    @override
    def begin(self, epoch: int, epochs: int, state: SampleState, random: np.random.Generator) -> None:
        records = len(state.kept)
        self.drawn = np.zeros(records, dtype=bool)
        self.drawn[random.permutation(records)[: self.sizes[epoch]]] = True

    @override
    def candidates(self, seen: Seen) -> NDArray[np.bool_]:
        drawn: NDArray[np.bool_] = self.drawn[seen.positions]
        return drawn
