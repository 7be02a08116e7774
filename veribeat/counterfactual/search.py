"""The fewest edits that turn a prediction and keep it turned: donors, gradients, prefixes, elimination, verification.

For one donor:

1. The margin's gradient, averaged along the straight path from the query to the query with all edits (integrated
   gradients, Sundararajan et al. 2017), says how much each edit adds to the margin of the target's worst label.
2. Edits are sorted by that, over the square root of what they cost. A batch of ever longer beginnings of this order is
   tried, then every length between the shortest that reaches the target and the one before.
3. What was found is put in a new order, by the gradients on the way to it, and shortened, as long as that helps; then
   edits are taken away one by one, first those without which the margin is largest, as long as the target is reached.

Reached means: by `margin` logits for the candidate itself and for its copies that are shifted in time, because a
prediction that turns back when the ECG is shifted by 10 ms explains nothing. What is returned was verified as it is
stored: rounded, faded and joined.

The donors are ranked by the margin of the query with all of their edits. `donors` of them are begun with (1 and 2), the
`refined` sparsest of these are finished (3), and the sparsest counterfactual that reaches the target is returned. Where
none does, the next donor is begun with as long as all of its edits together promise more, or nothing valid was found.
Where a donor's edits never come to `margin`, half of the most that they come to is asked for instead: the whole donor
for the last bit of margin would not be sparse.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.edits import Chosen, Edits, all_of
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.targets import Labels
from veribeat.counterfactual.trial import SearchSettings, Trial


@dataclass(frozen=True)
class Found:
    """The best candidate of a search.

    `signal_mv` (T, 12) in stored units, `mask` (T, 12) where it differs from the query by intent, `chosen` (U,) which
    edits it has; `donor` is the place of its donor in what was searched. `margin` is the smallest of itself and its
    shifted copies in logits: below the settings' margin where the search did not reach the target. `valid` says
    whether the candidate itself is predicted as the target. `searched` donors were tried, with `forwards` forward
    passes of one signal (a gradient counts as three).
    """

    signal_mv: Signal
    mask: Mask
    chosen: Chosen
    donor: int
    margin: float
    valid: bool
    searched: int
    forwards: int


def search(
    edits_of_donors: Sequence[Edits],
    target: Labels,
    model: DifferentiableModel,
    settings: SearchSettings,
    workers: int = 1,
) -> Found:
    """Find few edits after which the model predicts just the label set `target` (5,).

    Args:
        edits_of_donors: of one query towards each donor, one at least.
        target: (5,).
        model: the classifier.
        settings: how to search.
        workers: threads that work on donors side by side; the result does not depend on their number.

    Returns:
        The sparsest candidate that reaches the target; else one that is valid, the one with the largest margin first;
        else the one with the largest margin.
    """
    if not edits_of_donors:
        raise ValueError("there is no donor to take anything from")
    ask = partial(Trial, target, model, settings)
    first = ask()
    of_whole = first.own_margins(np.concatenate([edits.apply(all_of(edits)) for edits in edits_of_donors]))
    order = [int(donor) for donor in np.argsort(-of_whole, kind="stable")]

    def begin(donor: int) -> _Candidate:
        return _begin(edits_of_donors[donor], donor, ask())

    with ThreadPoolExecutor(workers) as pool:
        begun = list(pool.map(begin, order[: settings.donors]))
        more = _ahead(pool, begin, order[settings.donors :], workers)
        for donor in order[settings.donors :]:
            best = max(begun, key=_merit)
            if best.reached or (best.valid and of_whole[donor] < settings.margin):
                break
            begun.append(next(more))
        promising = sorted(begun, key=_merit, reverse=True)[: settings.refined]
        refined = list(pool.map(lambda candidate: _refine(candidate, ask()), promising))
    best = max(refined, key=_merit)
    forwards = first.forwards + sum(each.forwards for each in (*begun, *refined))
    return Found(
        best.signal_mv,
        best.edits.mask(best.chosen),
        best.chosen,
        best.donor,
        best.margin,
        best.valid,
        len(begun),
        forwards,
    )


@dataclass(frozen=True)
class _Candidate:
    """What the search has come to with one donor.

    `demanded` is the margin that its edits were chosen for, `own` the candidate's margin without shifts, `margin` the
    smallest with them, and `reached` whether that is what the settings ask for; `forwards` were spent on this step.
    """

    edits: Edits
    donor: int
    chosen: Chosen
    signal_mv: Signal
    demanded: float
    own: float
    margin: float
    reached: bool
    forwards: int

    @property
    def valid(self) -> bool:
        """Without shifts."""
        return self.own >= 0


def _ahead(
    pool: ThreadPoolExecutor, begin: Callable[[int], _Candidate], donors: Sequence[int], workers: int
) -> Iterator[_Candidate]:
    """What comes of each donor, in order; as many at a time as there are workers, whether or not all are asked for."""
    for first in range(0, len(donors), workers):
        yield from pool.map(begin, donors[first : first + workers])


def _merit(candidate: _Candidate) -> tuple[bool, bool, float]:
    """The more the better: reached and sparse, else valid and with a large margin."""
    if candidate.reached:
        return True, True, -float(candidate.edits.mask(candidate.chosen).mean())
    return False, candidate.valid, candidate.margin


def _begin(edits: Edits, donor: int, trial: Trial) -> _Candidate:
    """The shortest beginning of the edits in the order of their worth that reaches the target, for one donor."""
    nothing = np.zeros((1, len(edits.costs)), dtype=np.bool_)
    query, whole = edits.apply(np.concatenate([nothing, all_of(edits)]))
    order = _by_worth(edits, query, whole, edits.costs > 0, trial)
    trial.margin = trial.settings.margin
    chosen, reached = _shortest_beginning(edits, order, trial, may_ask_less=True)
    return _candidate(edits, donor, chosen, trial.margin if reached else np.inf, trial)


def _refine(candidate: _Candidate, trial: Trial) -> _Candidate:
    """The same with fewer edits, as far as that can be had."""
    if not np.isfinite(candidate.demanded):
        return replace(candidate, forwards=0)
    edits, chosen, trial.margin = candidate.edits, candidate.chosen, candidate.demanded
    (query,) = edits.apply(np.zeros((1, len(edits.costs)), dtype=np.bool_))
    for _ in range(trial.settings.passes):
        if chosen.sum() < 2:
            break
        (signal,) = edits.apply(chosen[None])
        order = _by_worth(edits, query, signal, chosen, trial)
        fewer, shorter = _shortest_beginning(edits, order[:-1], trial, may_ask_less=False)
        if not shorter:
            break
        chosen = fewer
    chosen = _eliminate(edits, chosen, trial)
    return _candidate(edits, candidate.donor, chosen, candidate.demanded, trial)


def _candidate(edits: Edits, donor: int, chosen: Chosen, demanded: float, trial: Trial) -> _Candidate:
    (signal,) = edits.apply(chosen[None])
    own, margin = trial.verified(signal)
    return _Candidate(
        edits, donor, chosen, signal, demanded, own, margin, margin >= trial.settings.margin, trial.forwards
    )


def _by_worth(
    edits: Edits, query_mv: Signal, reached_mv: Signal, among: Chosen, trial: Trial
) -> NDArray[np.int64]:
    """The edits `among` (U,), first those that add most to the margin on the way to a signal, for what they cost."""
    gains = edits.gains(trial.path_gradient(query_mv, reached_mv))
    worth = np.divide(gains, np.sqrt(edits.costs), out=np.full_like(gains, -np.inf), where=among)
    return np.argsort(-worth, kind="stable")[: among.sum()]


def _shortest_beginning(
    edits: Edits, order: NDArray[np.int64], trial: Trial, *, may_ask_less: bool
) -> tuple[Chosen, bool]:
    """The shortest beginning of the order that reaches the target, or the one with the largest margin.

    Where none reaches it, `may_ask_less` lowers the trial's margin to half of the largest, if that is above 0.
    """
    lengths = np.unique(np.rint(np.geomspace(1, len(order), trial.settings.lengths)).astype(np.int64))
    beginnings, candidates = _beginnings(edits, order, lengths)
    place, margins = trial.first_reached(candidates)
    if place is None and may_ask_less:
        best = int(margins.argmax())
        (of_copies,) = trial.shifted_margins(candidates[best][None])
        trial.margin = min(trial.margin, min(margins[best], of_copies) / 2)
        place = None if trial.margin < 0 else trial.first_in_copies(candidates, margins)
    if place is None:
        return beginnings[margins.argmax()], False
    between = np.arange(lengths[place - 1] + 1 if place else 1, lengths[place])
    if len(between) > trial.settings.lengths:  # a second grid, as fine as the first
        between = np.unique(np.rint(np.linspace(between[0], between[-1], trial.settings.lengths)).astype(int))
    if len(between):
        shorter, candidates = _beginnings(edits, order, between)
        finer, _ = trial.first_reached(candidates)
        if finer is not None:
            return shorter[finer], True
    return beginnings[place], True


def _beginnings(edits: Edits, order: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[Chosen, Signal]:
    """The first edits in an order, as many as each of `lengths` (N,) says: (N, U), and the candidates (N, T, 12)."""
    chosen = np.zeros((len(lengths), len(edits.costs)), dtype=np.bool_)
    for row, length in zip(chosen, lengths, strict=True):
        row[order[:length]] = True
    return chosen, edits.apply(chosen)


def _eliminate(edits: Edits, chosen: Chosen, trial: Trial) -> Chosen:
    """Take away what the target can be reached without, the most that can be taken at once in each round."""
    for _ in range(trial.settings.rounds):
        each = np.flatnonzero(chosen)
        if len(each) < 2:
            break
        without = np.repeat(chosen[None], len(each), axis=0)
        without[np.arange(len(each)), each] = False
        margins = trial.own_margins(edits.apply(without))
        spare = each[np.argsort(-margins, kind="stable")][: (margins >= trial.margin).sum()]
        fewer = _take_away(edits, chosen, spare[: trial.settings.eliminated], trial)
        if fewer is None:
            break
        chosen = fewer
    return chosen


def _take_away(edits: Edits, chosen: Chosen, spare: NDArray[np.int64], trial: Trial) -> Chosen | None:
    """`chosen` without as many of `spare`, from the first on, as can be spared; None where none can."""
    spare = spare[: chosen.sum() - 1]  # a counterfactual without any edit is the query
    if not len(spare):
        return None
    fewer = np.repeat(chosen[None], len(spare), axis=0)
    for row in range(len(spare)):
        fewer[row, spare[: row + 1]] = False
    fewest_first = fewer[::-1]
    place, _ = trial.first_reached(edits.apply(fewest_first))
    return None if place is None else fewest_first[place]
