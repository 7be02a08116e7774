"""What is measured: the explained arm of a workspace that has run `prototypes` and `donors`, and its records."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.tables import Grid
from flows.explained_arm import ExplainedArm
from flows.explanation_files import Answer, Asked, document
from flows.workspace import Workspace
from models.explanation import AttributionPlan, ExplanationSettings, explain
from tasks.explained import Explained
from veribeat.conventions import SAMPLING_RATE
from veribeat.counterfactual.methods import DonorSets
from veribeat.data.any_record import EcgRecord
from veribeat.errors import InputError
from veribeat.signal.windows import window_at


@dataclass(frozen=True)
class Subject:
    """A classifier with all that an explanation takes, loaded."""

    arm: str
    simulated: bool
    explained: Explained
    sources: DonorSets
    settings: ExplanationSettings
    plan: AttributionPlan

    @classmethod
    def load(cls, workspace: Path) -> "Subject":
        """That of the workspace; stops with one sentence where there is none, or it has not run so far."""
        try:
            return cls._load(workspace)
        except InputError as error:
            raise SystemExit(f"error: {error}") from error

    @classmethod
    def _load(cls, workspace: Path) -> "Subject":
        loaded = ExplainedArm.load(Workspace.at(workspace))
        return cls(
            loaded.arm,
            loaded.simulated,
            loaded.explained,
            loaded.sources,
            loaded.settings(),
            loaded.plan(),
        )

    @property
    def cohort(self) -> str:
        """Whose records these are."""
        return "the simulated cohort" if self.simulated else "PTB-XL"

    def records(self, role: str, count: int) -> NDArray[np.float32]:
        """Signals (count, 1000, 12) in mV of records with `role`, spread evenly over all of them."""
        rows = self.explained.rows(role)
        if count > len(rows):
            raise SystemExit(f"error: {count} records of '{role}' are needed, and there are {len(rows)}.")
        return self.explained.signals_mv(rows[np.linspace(0, len(rows) - 1, count).astype(int)])

    def explain_array(
        self,
        signals_mv: NDArray[np.floating],
        method: str,
        *,
        attributions: bool = False,
        rate: float = SAMPLING_RATE,
        start_s: float = 0.0,
        sources: DonorSets | None = None,
    ) -> str:
        """From a recording (samples, 12) in mV to the JSON document of `veribeat explain`, for the default target."""
        recording = EcgRecord(signals_mv.astype(np.float64), rate, frozenset(), ())
        window = window_at(recording.signals_mv, rate, start_s)
        taken_from = sources or self.sources
        classifier, plan = self.explained.classifier, self.plan if attributions else None
        explanation = explain(classifier, window.signals_mv, taken_from, None, method, self.settings, plan)
        asked = Asked("array", None, method, start_s)
        records = taken_from.of(method).records
        answer = Answer(asked, self.arm, classifier, recording, window, records, explanation, self.simulated)
        return json.dumps(document(answer))


def options(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """`workspace` and `quick` from the command line."""
    return argument_parser(description).parse_args(arguments)


def argument_parser(description: str) -> argparse.ArgumentParser:
    """What reads `workspace` and `quick`."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "workspace", type=Path, metavar="WORKSPACE", help="one that has run 'prototypes' and 'donors'"
    )
    parser.add_argument("--quick", action="store_true", help="everything, but with too few repetitions")
    return parser


def show(grids: Sequence[Grid]) -> None:
    """Print the tables."""
    console = Console()
    for grid in grids:
        grid.show(console)
