"""InfoBatch: prune well-learnt records at random, and let those that stay count for the pruned ones.

Z. Qin et al. 2024, InfoBatch: Lossless Training Speed Up by Unbiased Dynamic Data Pruning (ICLR).
"""

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.choice import Seen, Selection
from models.selection.phases import Phase, in_epochs
from models.selection.state import SampleState
from models.selection.strategy import Strategy


class InfoBatch(Strategy):
    """Of the records whose latest loss is below the mean, each is pruned with probability `prune`.

    Those of them that stay weigh 1 / (1 - prune), so that the gradient's expectation stays as it is. The first epoch
    and those from the share `anneal` of the run on are full.
    """

    def __init__(self, *, prune: float = 0.5, anneal: float = 0.875) -> None:
        self.prune = prune
        self.anneal = anneal
        self.loss: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self.mean = 0.0

    @override
    def phase(self, epoch: int, epochs: int) -> Phase:
        if epoch == 0:
            return "full"
        return "revision" if epoch >= in_epochs(self.anneal, epochs) else "undecided"

    @override
    def begin(self, epoch: int, epochs: int, state: SampleState, random: np.random.Generator) -> None:
        self.loss = state.loss.numpy()
        self.mean = float(np.nanmean(self.loss))

    @override
    def select(self, seen: Seen, phase: Phase, random: np.random.Generator) -> Selection:
        learnt = self.loss[seen.positions] < self.mean
        pruned = learnt & (random.random(len(learnt)) < self.prune)
        weights = np.where(learnt, 1 / (1 - self.prune), 1).astype(np.float32)
        return Selection.of_kept(~pruned, weights)
