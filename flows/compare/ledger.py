"""The finished cells of a comparison: files that are only ever added, one pair per arm, seed and key."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.params.cell import Cell
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError


@dataclass(frozen=True)
class FinishedCell:
    """What `tasks.cell` wrote of an arm and a seed; `content` is its JSON file."""

    file: Path
    content: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> "FinishedCell":
        """From the JSON file; raises InputError when it is damaged."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            content["cell"]["arm"], content["metrics"]["test"], content["cost"], content["epochs"][0]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{file} is damaged: remove it, and its cell is trained again.") from error
        return cls(file, content)

    @classmethod
    def found(cls, workspace: Path, cell: Cell) -> "FinishedCell | None":
        """What the ledger has of a cell; raises InputError when it is damaged."""
        file = workspace / f"{cell.out}.json"
        return cls.read(file) if file.is_file() else None

    @property
    def arm(self) -> str:
        """Name of the arm."""
        return str(self.content["cell"]["arm"])

    @property
    def backbone(self) -> str:
        """Name of the backbone."""
        return str(self.content["cell"]["backbone"])

    @property
    def seed(self) -> int:
        """Seed of weights, batches and draws."""
        return int(self.content["cell"]["seed"])

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Decision thresholds (5,), from the validation records."""
        return np.array([self.content["thresholds"][name] for name in SUPERCLASSES])

    @property
    def epochs(self) -> pd.DataFrame:
        """A row per epoch: losses, val_f1_macro, and the columns of `models.selection.record`."""
        return pd.DataFrame(self.content["epochs"])

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Probabilities `validation` and `test`, (N, 5) float32; per training record kept, dropped, considered,
        difficulty and focus, (n,)."""
        with np.load(self.file.with_suffix(".npz"), allow_pickle=False) as stored:
            return dict(stored)
