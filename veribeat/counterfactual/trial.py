"""When a candidate reaches the target, and what it costs to ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.edits import Chosen, Edits
from veribeat.counterfactual.sparse import Signal
from veribeat.counterfactual.stability import shifted
from veribeat.counterfactual.targets import Labels

AT_A_TIME = 4
"""Candidates that are asked for before the next ones, which the first that reaches the target makes needless."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    `margin` in logits and `shifts` in samples say when the target is reached. `donors` are begun with, and the
    `refined` most promising of them finished. The path from query to donor has `path_points`; `lengths` is how many
    beginnings are tried at a time, in up to `passes` more orders; in each of `rounds` it is tried to take the last
    `eliminated` edits of an order away again.
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


Order = NDArray[np.int64]
"""(k,): numbers of edits, those that are worth most first."""


class Trial:
    """Asks the model how far a query with some of its edits is inside of the target, and counts what that costs.

    A candidate is given by the numbers of its edits, whose order does not matter here. What was asked for once is not
    asked for again.
    """

    def __init__(
        self, edits: Edits, target: Labels, model: DifferentiableModel, settings: SearchSettings
    ) -> None:
        self.edits, self.target, self.model, self.settings = edits, target, model, settings
        self.margin = settings.margin
        self.forwards = 0
        self._own: dict[bytes, float] = {}
        self._in_copies: dict[bytes, float] = {}

    def chosen(self, candidates: Sequence[Order]) -> Chosen:
        """The candidates as rows of `Edits.apply`, (N, U)."""
        chosen = np.zeros((len(candidates), len(self.edits.costs)), dtype=np.bool_)
        for row, candidate in zip(chosen, candidates, strict=True):
            row[candidate] = True
        return chosen

    def own_margins(self, candidates: Sequence[Order]) -> NDArray[np.float64]:
        """Margins (N,) of the candidates as they are."""
        return self._remembered(self._own, candidates, self._ask)

    def shifted_margins(self, candidates: Sequence[Order]) -> NDArray[np.float64]:
        """The smallest margin (N,) of the shifted copies of each candidate; infinite without shifts."""
        if not self.settings.shifts:
            return np.full(len(candidates), np.inf)
        return self._remembered(self._in_copies, candidates, self._ask_copies)

    def verified(self, candidate: Order) -> tuple[float, float]:
        """The margin of one candidate, and the smallest of it and its shifted copies."""
        (own,), (of_copies,) = self.own_margins([candidate]), self.shifted_margins([candidate])
        return float(own), float(min(own, of_copies))

    def first_reached(self, candidates: Sequence[Order]) -> tuple[int | None, NDArray[np.float64]]:
        """The first candidate that reaches the target, copies included; None without one.

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

    def first_in_copies(self, candidates: Sequence[Order], margins: NDArray[np.float64]) -> int | None:
        """The same where the candidates' own `margins` (N,) are known."""
        for place in np.flatnonzero(margins >= self.margin).tolist():
            if self.shifted_margins([candidates[place]])[0] >= self.margin:
                return int(place)
        return None

    def path_gradient(self, reached: Chosen) -> Signal:
        """The margin's mean gradient (T, 12) on the straight path from no edits to the edits `reached` (U,)."""
        query_mv, reached_mv = self.edits.apply(np.stack([np.zeros_like(reached), reached]))
        points = self.settings.path_points
        places = ((np.arange(points) + 0.5) / points)[:, None, None].astype(np.float32)
        self.forwards += 3 * points
        path = query_mv + places * (reached_mv - query_mv)
        gradient: Signal = self.model.margin_gradients(path, self.target).mean(axis=0)
        return gradient

    def _ask(self, signals_mv: Signal) -> NDArray[np.float64]:
        self.forwards += len(signals_mv)
        return self.model.margins(signals_mv, self.target)

    def _ask_copies(self, signals_mv: Signal) -> NDArray[np.float64]:
        copies = np.concatenate([shifted(signal, self.settings.shifts) for signal in signals_mv])
        margins: NDArray[np.float64] = self._ask(copies).reshape(len(signals_mv), -1).min(axis=1)
        return margins

    def _remembered(
        self,
        known: dict[bytes, float],
        candidates: Sequence[Order],
        ask: Callable[[Signal], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        rows = self.chosen(candidates)
        keys = [row.tobytes() for row in rows]
        new = [place for place, key in enumerate(keys) if key not in known]
        if new:
            answers = ask(self.edits.apply(rows[new])).tolist()
            known.update(zip((keys[place] for place in new), answers, strict=True))
        return np.array([known[key] for key in keys])
