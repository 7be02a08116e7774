"""When a candidate reaches the target, and what it costs to ask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.sparse import Signal
from veribeat.counterfactual.stability import shifted
from veribeat.counterfactual.targets import Labels

TOGETHER = 2
"""Candidates whose shifted copies share a batch: a recurrent network takes less time for eight than for twice four."""

AT_A_TIME = 4
"""Candidates that are asked for before the next ones, which the first that reaches the target makes needless."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    `margin` in logits and `shifts` in samples say when the target is reached. `donors` are begun with, and the
    `refined` most promising of them finished. The path from query to donor has `path_points`; `lengths` is how many
    beginnings are tried at a time, in up to `passes` more orders; in each of `rounds` at most `eliminated` edits are
    taken away again.
    """

    margin: float
    shifts: tuple[int, ...]
    donors: int
    refined: int
    path_points: int
    lengths: int
    passes: int
    rounds: int
    eliminated: int


class Trial:
    """Asks the model how far candidates are inside of the target, and counts what that costs."""

    def __init__(self, target: Labels, model: DifferentiableModel, settings: SearchSettings) -> None:
        self.target, self.model, self.settings = target, model, settings
        self.margin = settings.margin
        self.forwards = 0

    def own_margins(self, signals_mv: Signal) -> NDArray[np.float64]:
        """Margins (N,) of the candidates (N, T, 12) as they are."""
        self.forwards += len(signals_mv)
        return self.model.margins(signals_mv, self.target)

    def shifted_margins(self, signals_mv: Signal) -> NDArray[np.float64]:
        """The smallest margin of the shifted copies of each candidate (N, T, 12); infinite without shifts."""
        copies = [shifted(signal, self.settings.shifts) for signal in signals_mv if self.settings.shifts]
        if not copies:
            return np.full(len(signals_mv), np.inf)
        margins: NDArray[np.float64] = self.own_margins(np.concatenate(copies)).reshape(len(signals_mv), -1)
        return np.asarray(margins.min(axis=1))

    def verified(self, signal_mv: Signal) -> tuple[float, float]:
        """The margin of a candidate (T, 12), and the smallest of it and its shifted copies."""
        margins = self.own_margins(
            np.concatenate([signal_mv[None], shifted(signal_mv, self.settings.shifts)])
        )
        return float(margins[0]), float(margins.min())

    def first_reached(self, candidates: Signal) -> tuple[int | None, NDArray[np.float64]]:
        """The first candidate (N, T, 12) that reaches the target, copies included; None without one.

        With it the margins (N,) of the candidates as they are: no further than they had to be asked for, then NaN.
        """
        margins = np.full(len(candidates), np.nan)
        for start in range(0, len(candidates), AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            margins[some] = self.own_margins(candidates[some])
            place = self.first_in_copies(candidates[some], margins[some])
            if place is not None:
                return start + place, margins
        return None, margins

    def first_in_copies(self, candidates: Signal, margins: NDArray[np.float64]) -> int | None:
        """The same where the candidates' own `margins` (N,) are known."""
        places = np.flatnonzero(margins >= self.margin)
        for some in np.split(places, np.arange(TOGETHER, len(places), TOGETHER)):
            reached = self.shifted_margins(candidates[some]) >= self.margin
            if reached.any():
                return int(some[reached.argmax()])
        return None

    def path_gradient(self, query_mv: Signal, whole_mv: Signal) -> Signal:
        """The margin's mean gradient (T, 12) along the straight path from one signal to another."""
        points = self.settings.path_points
        places = ((np.arange(points) + 0.5) / points)[:, None, None].astype(np.float32)
        path = query_mv + places * (whole_mv - query_mv)
        self.forwards += 3 * points
        gradient: Signal = self.model.margin_gradients(path, self.target).mean(axis=0)
        return gradient
