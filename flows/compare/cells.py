"""The cells of a comparison: what each trains, in which order, and the key that it is filed under."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flows.code_dependencies import CODE_ROOT, code_files, meaning
from flows.compare.ledger import FinishedCell
from flows.workspace import Workspace
from tasks.params.cell import Cell
from tasks.params.document import Params
from tasks.params.selection import RandomParams, SelectionParams
from tasks.stage import digest
from tasks.stage_description import Stage
from veribeat.errors import InputError

CLEAN = "clean"
"""Of a contaminated comparison: the reference arm, trained on the records as they are."""

FORWARDS_PER_EPOCH = 3
"""Forward-equivalents per record of an epoch on all records: forward, and backward for two."""


class NotTrainedYet(InputError):
    """A cell is made by another one that has not been trained."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, all of it by names in params.yaml but for the seeds."""

    name: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    backbone: str
    preset: str
    contaminated: bool = False
    """Whether training records get noise and wrong labels; the reference is then trained on clean records, too."""
    side_by_side: int = 1
    """Cells that are trained at a time; more than one spoils what they say about wall time, and each says so."""

    def folder(self, place: Workspace) -> Path:
        """Where its cells and its page are."""
        return place.path / "results" / self.name

    def check(self, params: Params) -> None:
        """Raise InputError for an unknown arm or preset, or where one arm is made by another that is left out."""
        for arm in self.arms:
            if arm == CLEAN:
                continue
            if arm not in params.selections:
                known = ", ".join(sorted(params.selections))
                raise InputError(f"There is no selection '{arm}' in params.yaml, only {known}.")
            like = params.selections[arm].like
            if like is not None and like not in self.arms:
                raise InputError(f"'{arm}' is made by what '{like}' costs: compare '{like}', too.")
            if params.selections[arm].needs_beats and not _has_delineate(params):
                raise InputError(f"'{arm}' needs to know where beats are: add --set delineate.always=true.")
        if self.preset not in params.presets:
            raise InputError(
                f"There is no preset '{self.preset}' in params.yaml, only {', '.join(sorted(params.presets))}."
            )

    def waves(self, params: Params) -> tuple[tuple[str, ...], ...]:
        """The arms that stand alone, and then those that are made by these."""
        alone = tuple(arm for arm in self.arms if arm == CLEAN or params.selections[arm].like is None)
        return tuple(wave for wave in (alone, tuple(arm for arm in self.arms if arm not in alone)) if wave)


def _has_delineate(params: Params) -> bool:
    return params.delineate.always or any(
        params.selections[arm.selection].needs_beats for arm in params.arms.values()
    )


def needed_stages(params: Params) -> tuple[str, ...]:
    """Stages that the cells read from."""
    return ("ingest", "split", "delineate") if _has_delineate(params) else ("ingest", "split")


class CellMaker:
    """Makes the cells of a comparison in a workspace whose cohort is up to date."""

    def __init__(self, comparison: Comparison, place: Workspace) -> None:
        self.comparison = comparison
        self.place = place
        self.params = place.params()
        out = place.path / "out"
        self.cohort = digest(
            *(out / "ingest" / name for name in ("signals.npy", "records.parquet")),
            *(out / "split" / name for name in ("roles.parquet", "learning.parquet", "normalisation.json")),
        )

    def make(self, arm: str, seed: int) -> Cell:
        """One cell; raises NotTrainedYet when the one that it is made by has not been trained."""
        comparison = self.comparison
        selection = self.params.selections[self.params.compare.reference if arm == CLEAN else arm]
        preset = self.params.presets[comparison.preset].model_copy(
            update={
                "patience": None,
                "judge": "val_f1_macro",
            }  # a fixed number of epochs, the best by macro-F1
        )
        if selection.like is not None:
            like = self.finished(self.make(selection.like, seed))
            if like is None:
                raise NotTrainedYet(
                    f"'{arm}' with seed {seed} needs '{selection.like}', which is not trained yet."
                )
            settings: dict[str, Any] = {"like": None}
            if isinstance(selection.root, RandomParams):
                settings["sizes"] = [int(size) for size in like.epochs["trained"]]
            else:
                epochs = matched_epochs(like.content["cost"]["forward_equivalents"])
                preset = preset.model_copy(update={"max_epochs": epochs})
            selection = SelectionParams(selection.root.model_copy(update=settings))
        split = self.params.split
        cell = Cell(
            arm=arm,
            backbone=comparison.backbone,
            preset=preset,
            selection=selection,
            seed=seed,
            contamination=self.params.compare.contamination
            if comparison.contaminated and arm != CLEAN
            else None,
            folds={role: list(getattr(split, role)) for role in ("train", "validation", "test")},
            side_by_side=comparison.side_by_side,
            key="",
            out="",
        )
        key = self._key(cell)
        stem = self.comparison.folder(self.place) / "cells" / f"{comparison.backbone}-{arm}-seed{seed}-{key}"
        return cell.model_copy(update={"key": key, "out": str(stem.relative_to(self.place.path))})

    def finished(self, cell: Cell) -> FinishedCell | None:
        """What the ledger has of a cell."""
        return FinishedCell.found(self.place.path, cell)

    def all_finished(self) -> tuple[list[FinishedCell], list[str]]:
        """The finished cells, arm by arm, and the names of those that are missing."""
        finished, missing = [], []
        for arm in self.comparison.arms:
            for seed in self.comparison.seeds:
                try:
                    found = self.finished(self.make(arm, seed))
                except NotTrainedYet:
                    found = None
                if found is None:
                    missing.append(f"{arm}, seed {seed}")
                else:
                    finished.append(found)
        return finished, missing

    def _key(self, cell: Cell) -> str:
        """Stands for code, environment, cohort and settings: what a result depends on, and nothing else."""
        # A name is no setting, and neither is what else ran on the machine.
        settings = cell.model_dump_json(exclude={"arm", "key", "out", "side_by_side", "folds"})
        beats = self.place.path / "out" / "delineate"
        files = [beats / "beats.parquet", beats / "windows.npy"] if cell.selection.needs_beats else []
        return digest(
            _code_digest(cell), torch.backends.cpu.get_cpu_capability(), self.cohort, settings, *files
        )[:12]


def matched_epochs(forward_equivalents: float) -> int:
    """Epochs on all records that cost as much, rounded up: the control is never the cheaper one."""
    return max(1, math.ceil(forward_equivalents / FORWARDS_PER_EPOCH - 1e-9))


def _code_digest(cell: Cell) -> str:
    chosen = (
        f"models.backbones.{cell.backbone}",
        f"models.selection.strategies.{cell.selection.strategy}",
    )
    stage = Stage("cell", cell.module, inputs=(), params=(), files=(), chosen=chosen)
    files = code_files(stage)
    return digest(*files, *(meaning(CODE_ROOT / file) for file in files))


def curves(cell: FinishedCell) -> Iterable[tuple[int, Mapping[str, float]]]:
    """(epoch, values) of a finished cell, what is undefined left out."""
    shown = ("train_loss", "val_loss", "val_f1_macro", "candidates", "kept", "dropped", "effective_epochs")
    for row in cell.content["epochs"]:
        values = {name: float(row[name]) for name in shown if row[name] is not None}
        values["forward_equivalents"] = float(row["forward_equivalents"])
        yield int(row["epoch"]), values


def names(value: str) -> tuple[str, ...]:
    """The parts of a list such as "full,erts"; raises InputError when it is empty or repeats a name."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    if not found or len(set(found)) != len(found):
        raise InputError(
            f"'{value}' should be names of selections, each once, such as full,erts_recommended."
        )
    return tuple(found)
