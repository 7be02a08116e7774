"""Progressive Data Dropout: after a warm-up only what is not yet learnt, in the end everything once more.

S. Shriram M. S. et al. 2025, Progressive Data Dropout; the first half of [ERTS].
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.choice import Seen, Selection, at_least_two, filter_candidates
from models.selection.confidence import Kind
from models.selection.phases import Phase, Phases
from models.selection.state import SampleState
from models.selection.strategy import At, Scoring, Strategy


class Pdd(Strategy):
    """Candidates are records whose label confidence is below a limit; subclasses filter them.

    Args:
        warm_up, delay, revision: see `models.selection.phases.Phases`; `delay` is that of the filter.
        confidence: joint | mean, see `models.selection.confidence`.
        threshold: the limit; None takes a quantile instead.
        quantile: of all records' latest confidences before the epoch.
        keep: share of a batch's candidates that a filter keeps.
        at, refresh, train_mode: see `models.selection.strategy.Scoring`.
    """

    def __init__(
        self,
        *,
        warm_up: float,
        revision: float,
        confidence: Kind,
        threshold: float | None,
        quantile: float | None = None,
        delay: float = 0,
        keep: float = 1.0,
        at: At = "batch",
        refresh: int | None = 1,
        train_mode: bool = False,
    ) -> None:
        self.phases = Phases(warm_up, delay, revision)
        self.confidence = confidence
        self.threshold = threshold
        self.quantile = quantile
        self.keep = keep
        self.scoring = Scoring(at, refresh, train_mode)
        self.limit = np.inf

    @override
    def phase(self, epoch: int, epochs: int) -> Phase:
        return self.phases.of(epoch, epochs)

    @override
    def begin(self, epoch: int, epochs: int, state: SampleState, random: np.random.Generator) -> None:
        if self.threshold is not None:
            self.limit = self.threshold
            return
        assert self.quantile is not None
        known = state.confidence[~state.confidence.isnan()].numpy()
        self.limit = float(np.quantile(known, self.quantile)) if len(known) else np.inf

    @override
    def candidates(self, seen: Seen) -> NDArray[np.bool_]:
        return ~(seen.confidence >= self.limit)  # of a record never seen, NaN, nothing is learnt

    @override
    def select(self, seen: Seen, phase: Phase, random: np.random.Generator) -> Selection:
        candidates = self.candidates(seen)
        if phase == "filtered":
            score = self.score(seen, random)
            if score is not None:
                return filter_candidates(seen, candidates, score, self.keep, self.lowest_focus())
        return at_least_two(seen, Selection.of_kept(candidates))

    def score(self, seen: Seen, random: np.random.Generator) -> NDArray[Any] | None:
        """(B,) of a batch, the best of which the filter keeps, NaN for those that it cannot judge; None: no filter."""
        return None

    def lowest_focus(self) -> float | None:
        """Candidates of less focus are dropped however they score."""
        return None
