"""What every selection strategy answers: when it selects, what it has to know, and which records it keeps."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.batches import StoredSignals
from models.selection.cam import Kind as CamKind
from models.selection.choice import Seen, Selection
from models.selection.confidence import Kind as ConfidenceKind
from models.selection.phases import Phase
from models.selection.state import SampleState

At = Literal["batch", "epoch"]
Focus = Literal["topk_mean", "topk_mass", "entropy", "gini", "physio", "beat_coherence", "random"]


@dataclass(frozen=True)
class Scoring:
    """How records are scored by passes that do not train.

    at: `batch`, each batch as it comes, which is then thinned out; or `epoch`, all records before the epoch, of which
    those that are kept are grouped into full batches. refresh: epochs between such passes; between them, and where it
    is None, the latest confidences and maps serve, which training passes bring up to date for nothing. train_mode: by
    statistics of the batch and with dropout, as the released script of [ERTS] does.
    """

    at: At = "batch"
    refresh: int | None = 1
    train_mode: bool = False


@dataclass(frozen=True)
class Mapping:
    """Which activation maps are made, and the focus that is read from them.

    harvest: maps of the log-likelihood of the labels, from the gradients of training passes, which cost nothing;
    otherwise of the least confident positive label, by passes of their own for candidates alone.
    """

    cam: CamKind
    focus: Focus
    layer: int = -1
    harvest: bool = False


class Strategy:
    """Keeps every record in every epoch; others override what differs."""

    scoring: Scoring | None = None  # None: nothing is known but what training passes showed
    mapping: Mapping | None = None
    confidence: ConfidenceKind = "mean"

    def look_at(self, train: StoredSignals) -> None:
        """See the training records once, before the first epoch."""

    def phase(self, epoch: int, epochs: int) -> Phase:
        """What is done in the 0-based `epoch` of a run of `epochs`."""
        return "full"

    def begin(self, epoch: int, epochs: int, state: SampleState, random: np.random.Generator) -> None:
        """Get ready for an epoch that is neither full nor a revision."""

    def candidates(self, seen: Seen) -> NDArray[np.bool_]:
        """(B,) records of a batch that are not yet learnt, of which maps are made."""
        return np.ones(len(seen.positions), dtype=bool)

    def select(self, seen: Seen, phase: Phase, random: np.random.Generator) -> Selection:
        """Which records of a batch to train on, in an epoch that is neither full nor a revision."""
        return Selection.of_kept(self.candidates(seen))
