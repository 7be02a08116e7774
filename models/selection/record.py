"""What a strategy did, epoch by epoch: counts over all records and by superclass."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.selection.choice import Seen, Selection
from models.selection.cost import Cost
from models.selection.phases import Phase
from models.selection.state import SampleState
from veribeat.conventions import SUPERCLASSES

if TYPE_CHECKING:
    from models.selection.scoring import Scorer

FOCUS_BINS = 20
COUNTED = ("candidates", "kept", "dropped", "rescued")


class SelectionRecord:
    """Counts the records of an epoch as they are selected and trained on, and keeps a row per epoch."""

    def __init__(self, targets: NDArray[np.bool_], *, focused: bool) -> None:
        self.targets = targets
        self.focused = focused  # whether the strategy has focus scores at all
        self.rows: list[dict[str, Any]] = []
        self.before = np.zeros(len(targets), dtype=bool)  # trained on in the epoch before

    def begin(self, epoch: int, phase: Phase) -> None:
        """Start the row of an epoch."""
        records = len(self.targets)
        self.epoch, self.phase = epoch, phase
        self.masks = {name: np.zeros(records, dtype=bool) for name in (*COUNTED, "trained")}
        self.focus = np.zeros(FOCUS_BINS, dtype=np.int64)
        self.unscorable = 0

    def select(self, seen: Seen, selection: Selection) -> None:
        """Count what was selected of a batch."""
        for name in COUNTED:
            mask = getattr(selection, name)
            self.masks[name][seen.positions[mask]] = True
        focus = seen.focus[selection.candidates]
        told = focus[~np.isnan(focus)]
        if self.focused and self.phase == "filtered":
            self.unscorable += len(focus) - len(told)
        self.focus += np.histogram(told, bins=FOCUS_BINS, range=(0, 1))[0]

    def train(self, positions: NDArray[np.integer]) -> None:
        """Count records that were trained on."""
        self.masks["trained"][positions] = True

    def finish(self, state: SampleState, cost: Cost, scorer: "Scorer") -> None:
        """Close the row, and count for each record whether it was kept or dropped."""
        trained = self.masks["trained"]
        if self.phase in ("full", "revision"):
            self.masks["kept"] = trained
        state.kept += torch.from_numpy(trained)
        state.dropped += torch.from_numpy(self.masks["dropped"])
        if self.phase != "undecided":  # in which nothing is dropped
            state.considered += torch.from_numpy(self.masks["candidates"])
        either = int((trained | self.before).sum())
        row = {
            "epoch": self.epoch,
            "phase": self.phase,
            "trained": int(trained.sum()),
            **{name: int(self.masks[name].sum()) for name in COUNTED},
            "unscorable": self.unscorable,
            "zero_maps": scorer.zero_maps / scorer.maps if scorer.maps else None,
            "never_kept": int((state.kept == 0).sum()),
            "same_as_before": int((trained & self.before).sum()) / either
            if either
            else None,  # Jaccard index
            "effective_epochs": cost.effective_epochs,
            "forward_equivalents": cost.forward_equivalents / cost.records,
            "scored": cost.scored,
            "mapped": cost.mapped,
        }
        for name in COUNTED:
            for superclass, positive in zip(SUPERCLASSES, self.targets.T, strict=True):
                row[f"{name}_{superclass}"] = int((self.masks[name] & positive).sum())
        row |= {f"focus_{k:02d}": int(count) for k, count in enumerate(self.focus)}
        self.rows.append(row)
        self.before = trained
        scorer.zero_maps = scorer.maps = 0

    def state_dict(self) -> dict[str, Any]:
        """Everything, as tensors and plain values."""
        return {
            "rows": self.rows,
            "before": torch.from_numpy(self.before),
            "epoch": self.epoch,
            "phase": self.phase,
            "masks": {name: torch.from_numpy(mask) for name, mask in self.masks.items()},
            "focus": torch.from_numpy(self.focus),
            "unscorable": self.unscorable,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take everything from a checkpoint."""
        self.rows = list(state["rows"])
        self.before = state["before"].numpy()
        self.epoch, self.phase = state["epoch"], state["phase"]
        self.masks = {name: mask.numpy().copy() for name, mask in state["masks"].items()}
        self.focus = state["focus"].numpy().copy()
        self.unscorable = state["unscorable"]
