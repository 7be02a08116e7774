"""What is remembered of each training record from epoch to epoch."""

from typing import Any

import pandas as pd
import torch
from torch import Tensor


class SampleState:
    """Per record of the training set, (N,) each.

    `confidence`, `focus` and `loss` are the latest of a pass, NaN before the first; `scored` is the epoch of the latest
    scoring, -1 before. `confidence_sum` over `seen` passes is the training dynamics. `kept`, `dropped` and `considered`
    count epochs in which a record was trained on, in which a filter took it out, and in which it was a candidate;
    `focus_sum` over `mapped` is the mean focus.
    """

    _INTEGERS = ("scored", "seen", "kept", "dropped", "considered", "mapped")
    _NUMBERS = ("confidence", "focus", "loss", "confidence_sum", "focus_sum")

    scored: Tensor
    seen: Tensor
    kept: Tensor
    dropped: Tensor
    considered: Tensor
    mapped: Tensor
    confidence: Tensor
    focus: Tensor
    loss: Tensor
    confidence_sum: Tensor
    focus_sum: Tensor

    def __init__(self, records: int) -> None:
        for name in self._INTEGERS:
            setattr(self, name, torch.zeros(records, dtype=torch.int32))
        for name in self._NUMBERS:
            setattr(self, name, torch.zeros(records))
        self.scored -= 1
        for latest in (self.confidence, self.focus, self.loss):
            latest.fill_(torch.nan)

    def see(self, positions: Tensor, confidence: Tensor, loss: Tensor) -> None:
        """Remember confidence and loss, both (B,), of the records at `positions`."""
        self.confidence[positions] = confidence
        self.loss[positions] = loss
        self.confidence_sum[positions] += confidence
        self.seen[positions] += 1

    def map(self, positions: Tensor, focus: Tensor) -> None:
        """Remember focus scores (B,); NaN is remembered as the latest, but is no part of the mean."""
        self.focus[positions] = focus
        told = positions[~focus.isnan()]
        self.focus_sum[told] += focus[~focus.isnan()]
        self.mapped[told] += 1

    def table(self) -> pd.DataFrame:
        """A row per record: kept, dropped and considered count epochs, `difficulty` is the mean of one minus its
        confidence in all passes, `focus` the mean of its focus scores, NaN where there is none."""
        table = pd.DataFrame(
            {name: getattr(self, name).numpy() for name in ("kept", "dropped", "considered")}
        )
        table["difficulty"] = (1 - self.confidence_sum / self.seen).numpy()
        table["focus"] = (self.focus_sum / self.mapped).numpy()
        return table

    def state_dict(self) -> dict[str, Tensor]:
        """Everything, for a checkpoint."""
        return {name: getattr(self, name) for name in (*self._INTEGERS, *self._NUMBERS)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take everything from a checkpoint."""
        for name in (*self._INTEGERS, *self._NUMBERS):
            setattr(self, name, state[name])
