"""Which records of a batch are kept, by plain rules on arrays."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_KEPT = 2
"""Records: batch normalisation cannot train on one."""


@dataclass(frozen=True)
class Seen:
    """What is known of the records of a batch when it is thinned out.

    `focus` is NaN where it cannot be told (no beats found) or was not asked for.
    """

    positions: NDArray[np.integer]  # (B,) in the data set
    targets: NDArray[np.bool_]  # (B, C)
    confidence: NDArray[np.float32]  # (B,)
    focus: NDArray[np.float32]  # (B,)


@dataclass(frozen=True)
class Selection:
    """Masks (B,) of a batch: kept is what is trained on, the others say why.

    `candidates` were not yet learnt; `dropped` are the candidates that a filter took out, `rescued` those that it took
    out and that were kept all the same. `weights` are of the losses of all records of the batch.
    """

    kept: NDArray[np.bool_]
    candidates: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    rescued: NDArray[np.bool_]
    weights: NDArray[np.float32] | None = None

    @classmethod
    def of_kept(cls, kept: NDArray[np.bool_], weights: NDArray[np.float32] | None = None) -> "Selection":
        """A selection without a filter: every candidate is kept."""
        nothing = np.zeros_like(kept)
        return cls(kept, kept, nothing, nothing, weights)


def keep_best(score: NDArray[np.floating], share: float) -> NDArray[np.bool_]:
    """The best `share` of the records, rounded up, by `score` (B,); of equal ones the first."""
    kept = np.zeros(len(score), dtype=bool)
    # -0.0 + 0.5 would round to even; the tiny offset keeps 0.7 * 10 from becoming 8
    kept[np.argsort(-score, kind="stable")[: math.ceil(share * len(score) - 1e-9)]] = True
    return kept


def filter_candidates(
    seen: Seen, candidates: NDArray[np.bool_], score: NDArray[np.floating], share: float, lowest: float | None
) -> Selection:
    """Keep the best share of the candidates by `score` (B,), and rescue the best one of each class.

    Args:
        seen: the batch.
        candidates: (B,) records not yet learnt.
        score: (B,); NaN: the record passes unfiltered. So do records without a label.
        share: of the filtered candidates, to keep.
        lowest: of the focus; candidates below it are not kept. None: no such limit.

    The best-scored candidate of each class among the candidates is kept in any case, and so are the least confident
    records of a batch that would be left with fewer than two.
    """
    filtered = candidates & seen.targets.any(axis=1) & ~np.isnan(score)
    best = np.zeros_like(candidates)
    best[filtered] = keep_best(score[filtered], share)
    if lowest is not None:
        best &= ~(seen.focus < lowest)
    passed = candidates & (~filtered | best)
    rescued = _best_of_classes(seen.targets, filtered, score) & ~passed
    return at_least_two(seen, Selection(passed | rescued, candidates, filtered & ~best & ~rescued, rescued))


def _best_of_classes(
    targets: NDArray[np.bool_], filtered: NDArray[np.bool_], score: NDArray[np.floating]
) -> NDArray[np.bool_]:
    best = np.zeros_like(filtered)
    for positive in targets.T:
        rows = np.flatnonzero(filtered & positive)
        if len(rows):
            best[rows[np.argmax(score[rows])]] = True
    return best


def at_least_two(seen: Seen, selection: Selection) -> Selection:
    """The same, with the least confident records added where fewer than two are kept."""
    missing = min(FEWEST_KEPT, len(selection.kept)) - int(selection.kept.sum())
    if missing <= 0:
        return selection
    added = np.zeros_like(selection.kept)
    others = np.flatnonzero(~selection.kept)
    added[others[np.argsort(seen.confidence[others], kind="stable")[:missing]]] = True
    return Selection(
        selection.kept | added,
        selection.candidates,
        selection.dropped & ~added,
        selection.rescued | (added & selection.dropped),
        selection.weights,
    )
