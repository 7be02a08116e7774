"""The fewest edits that turn a prediction and keep it turned: donors, gradients, prefixes, elimination, verification.

For one donor:

1. The margin's gradient, averaged along the straight path from the query to the query with all edits (integrated
   gradients, Sundararajan et al. 2017), says how much each edit adds to the margin of the target's worst label.
2. Edits are sorted by that, over the square root of what they cost. A batch of ever longer beginnings of this order is
   tried, then every length between the shortest that reaches the target and the one before.
3. What was found is put in a new order, by the gradients on the way to it, and shortened, as long as that helps. Then
   it is seen what the margin is without each of the edits that came last, and as many are taken away together as can
   be, first those without which the margin is largest.

Reached means: by `margin` logits for the candidate itself and for its copies that are shifted in time, because a
prediction that turns back when the ECG is shifted by 10 ms explains nothing. What is returned was verified as it is
stored: rounded, faded and joined.

The donors are ranked by the margin of the query with all of their edits. `donors` of them are begun with (1 and 2), the
`refined` sparsest of these are finished (3), and the sparsest counterfactual that reaches the target is returned. Where
none does, the next donor is begun with as long as all of its edits together promise more, or nothing was found that is
predicted as the target in every copy.
Where a donor's edits never come to `margin`, half of the most that they come to is asked for instead: the whole donor
for the last bit of margin would not be sparse.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.edits import Chosen, Edits, all_of
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.targets import Labels
from veribeat.counterfactual.trial import AT_A_TIME, Order, SearchSettings, Trial

REMOVALS = 8
"""How many numbers of edits are tried to be taken away at once, from all that may be spared down to one."""


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
        The sparsest candidate that reaches the target; else the one with the largest margin, first of those that are
        predicted as the target in every copy, then of those that are so themselves, then of all.
    """
    if not edits_of_donors:
        raise ValueError("there is no donor to take anything from")

    def margins_of_whole(first: int) -> NDArray[np.float64]:
        some = edits_of_donors[first : first + AT_A_TIME]
        return model.margins(np.concatenate([edits.apply(all_of(edits)) for edits in some]), target)

    def begin(donor: int) -> _Candidate:
        return _begin(donor, Trial(edits_of_donors[donor], target, model, settings))

    with ThreadPoolExecutor(workers) as pool:
        of_whole = np.concatenate(list(pool.map(margins_of_whole, range(0, len(edits_of_donors), AT_A_TIME))))
        order = [int(donor) for donor in np.argsort(-of_whole, kind="stable")]
        begun = list(pool.map(begin, order[: settings.donors]))
        more = _ahead(pool, begin, order[settings.donors :], workers)
        for donor in order[settings.donors :]:
            best = max(begun, key=_merit)
            if best.reached or (best.steady and of_whole[donor] < settings.margin):
                break
            begun.append(next(more))
        promising = sorted(begun, key=_merit, reverse=True)[: settings.refined]
        best = max(pool.map(_refine, promising), key=_merit)
    chosen = best.chosen
    edits = edits_of_donors[best.donor]
    (signal,) = edits.apply(chosen[None])
    return Found(
        signal,
        edits.mask(chosen),
        chosen,
        best.donor,
        best.margin,
        best.valid,
        len(begun),
        len(of_whole) + sum(each.trial.forwards for each in begun),
    )


@dataclass(frozen=True)
class _Candidate:
    """What the search has come to with one donor.

    `order` (k,) are its edits, those that are worth most first. `own` is its margin without shifts, `margin` the
    smallest with them. `met` says whether that is what the trial asks for, which may be less than what the settings do.
    """

    donor: int
    trial: Trial
    order: Order
    met: bool
    own: float
    margin: float

    @property
    def chosen(self) -> Chosen:
        """The edits as a row (U,)."""
        row: Chosen = self.trial.chosen([self.order])[0]
        return row

    @property
    def valid(self) -> bool:
        """Without shifts."""
        return self.own >= 0

    @property
    def steady(self) -> bool:
        """With shifts, too."""
        return self.margin >= 0

    @property
    def reached(self) -> bool:
        """By what the settings ask for."""
        return self.margin >= self.trial.settings.margin


def _ahead(
    pool: ThreadPoolExecutor, begin: Callable[[int], _Candidate], donors: Sequence[int], workers: int
) -> Iterator[_Candidate]:
    """What comes of each donor, in order; as many at a time as there are workers, whether or not all are asked for."""
    for first in range(0, len(donors), workers):
        yield from pool.map(begin, donors[first : first + workers])


def _merit(candidate: _Candidate) -> tuple[bool, bool, bool, float]:
    """The more the better: reached and sparse, else steady, or at least valid, and with a large margin."""
    if candidate.reached:
        return True, True, True, -float(candidate.trial.edits.mask(candidate.chosen).mean())
    return False, candidate.steady, candidate.valid, candidate.margin


def _begin(donor: int, trial: Trial) -> _Candidate:
    """The shortest beginning of the edits in the order of their worth that reaches the target, for one donor."""
    (everything,) = all_of(trial.edits)
    order = _by_worth(everything, trial.edits.costs > 0, trial)
    found, met = _shortest_beginning(order, trial, may_ask_less=True)
    return _candidate(donor, trial, found, met)


def _refine(candidate: _Candidate) -> _Candidate:
    """The same with fewer edits, as far as that can be had."""
    if not candidate.met:
        return candidate
    order, trial = candidate.order, candidate.trial
    for _ in range(trial.settings.passes):
        if len(order) < 2:
            break
        (chosen,) = trial.chosen([order])
        fewer, shorter = _shortest_beginning(_by_worth(chosen, chosen, trial)[:-1], trial, may_ask_less=False)
        if not shorter:
            break
        order = fewer
    return _candidate(candidate.donor, trial, _eliminate(order, trial), met=True)


def _candidate(donor: int, trial: Trial, order: Order, met: bool) -> _Candidate:
    return _Candidate(donor, trial, order, met, *trial.verified(order))


def _by_worth(reached: Chosen, among: Chosen, trial: Trial) -> Order:
    """The edits `among` (U,), first those that add most to the margin on the way to `reached` (U,), for their cost."""
    edits = trial.edits
    gains = edits.gains(trial.path_gradient(reached))
    worth = np.divide(gains, np.sqrt(edits.costs), out=np.full_like(gains, -np.inf), where=among)
    return np.argsort(-worth, kind="stable")[: among.sum()]


def _shortest_beginning(order: Order, trial: Trial, *, may_ask_less: bool) -> tuple[Order, bool]:
    """The shortest beginning of the order that reaches the target, or the one with the largest margin.

    Where none reaches it, `may_ask_less` lowers the trial's margin to half of the largest, copies included, if there is
    one that is not below 0.
    """
    lengths = np.unique(np.rint(np.geomspace(1, len(order), trial.settings.lengths)).astype(np.int64))
    beginnings = [order[:length] for length in lengths]
    place, margins = trial.first_reached(beginnings)
    if place is None and may_ask_less:
        valid = [beginning for beginning, margin in zip(beginnings, margins, strict=True) if margin >= 0]
        most = max((trial.verified(beginning)[1] for beginning in valid), default=-np.inf)
        if most >= 0:
            trial.margin = min(trial.margin, most / 2)
            place = trial.first_in_copies(beginnings, margins)
    if place is None:
        return beginnings[margins.argmax()], False
    between = np.arange(lengths[place - 1] + 1 if place else 1, lengths[place])
    if len(between) > trial.settings.lengths:  # a second grid, as fine as the first
        between = np.unique(np.rint(np.linspace(between[0], between[-1], trial.settings.lengths)).astype(int))
    shorter = [order[:length] for length in between]
    finer, _ = trial.first_reached(shorter)
    return beginnings[place] if finer is None else shorter[finer], True


def _eliminate(order: Order, trial: Trial) -> Order:
    """Take away what the target can be reached without; only edits that come last are asked about."""
    for _ in range(trial.settings.rounds):
        if len(order) < 2:
            break
        last = order[-trial.settings.eliminated :]
        margins = trial.own_margins([order[order != edit] for edit in last])
        spare = last[np.argsort(-margins, kind="stable")][: (margins >= trial.margin).sum()]
        fewer = _without(
            order, spare[: len(order) - 1], trial
        )  # one is left: without any edit it is the query
        if fewer is None:
            break
        order = fewer
    return order


def _without(order: Order, spare: Order, trial: Trial) -> Order | None:
    """The edits without as many of `spare`, from the first on, as can be; None where none can be spared."""
    if not len(spare):
        return None
    counts = np.unique(np.rint(np.geomspace(1, len(spare), REMOVALS)).astype(np.int64))[::-1]
    fewer = [order[~np.isin(order, spare[:count])] for count in counts]
    place, _ = trial.first_reached(fewer)
    return None if place is None else fewer[place]
