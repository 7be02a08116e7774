"""When a strategy selects: by epoch, from settings in epochs or in shares of the run."""

from dataclasses import dataclass
from typing import Literal

Phase = Literal["full", "undecided", "filtered", "revision"]
"""full: every record, to begin with; undecided: what is not yet learnt; filtered: of these what a filter keeps;
revision: every record again."""


@dataclass(frozen=True)
class Phases:
    """Epochs (whole numbers) or shares of the run (below 1): how long all records, and how long no filter.

    [ERTS], released: warm_up 5, delay 3, revision 50 of 100 epochs. Progressive Data Dropout revises in the last one.
    """

    warm_up: float = 5
    delay: float = 3
    revision: float = 0.5  # where it starts; 1.0 or the number of epochs: never

    def of(self, epoch: int, epochs: int) -> Phase:
        """The phase of the 0-based `epoch` of a run of `epochs`."""
        warm_up = in_epochs(self.warm_up, epochs)
        if epoch < warm_up:
            return "full"
        if epoch >= in_epochs(self.revision, epochs):
            return "revision"
        return "undecided" if epoch < warm_up + in_epochs(self.delay, epochs) else "filtered"


def in_epochs(value: float, epochs: int) -> int:
    """A whole number is of epochs, a share (below 1, or 1.0) of the run; a share of zero is none."""
    return value if isinstance(value, int) else round(value * epochs)
