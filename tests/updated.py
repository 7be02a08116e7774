"""A workspace on a simulated stream whose model is updated by `veribeat retrain`."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.process import environment
from flows.release.stages import leading_to
from flows.retrain import registry
from flows.retrain.ledger import Update, champion_of, updates
from flows.stream import simulate_stream
from flows.workspace import RETRAINING, Workspace, create_workspace
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.simulation.stream import StreamPlan, parse_faults

LIMITS = (
    "{f1_macro_loss: 1.0, auroc_macro_loss: 1.0, f1_superclass_loss: null, auroc_subgroup_loss: null,"
    " ece: 1.0, counterfactual_validity: null, excluded: 1.0}"
)
"""That any model keeps: what is tried here is the bookkeeping."""

SMALL = (
    "ingest.max_quarantined=0.5",
    "presets.short.max_epochs=4",
    "presets.update.max_epochs=2",
    "presets.update.batch_size=64",
    "presets.update.precision=float32",
    "arms.challenger.selection=full",
    "prototypes.dimensions=[2]",
    "prototypes.clusters=[2]",
    "donors.intervals_from=20",
    "calibrate.bootstrap.resamples=100",
    "retrain.judge.bootstrap.resamples=100",
    f"retrain.judge.limits={LIMITS}",
)

CLEAN, FAULTY, LATER = "batch-01", "batch-02", "batch-03"
"""Batches of the stream: without faults, of nothing but faults, and another one without."""

WHERE = ("inbox", "taken", "held")


@dataclass(frozen=True)
class Updated:
    """A workspace, and the batches that may come into its inbox."""

    place: Workspace
    stream: Path

    @classmethod
    def make(cls, folder: Path) -> "Updated":
        """A workspace without a champion, on a stream of 700 simulated records.

        The screening needs 200 to learn from.
        """
        source, stream = folder / "source", folder / "stream"
        source.mkdir()
        simulate(source, SimulateParams(records=700, seed=3, corrupted_share=0.01))
        faults = parse_faults(["2:broken_electrode:0.5", "2:mains_hum:0.5"], 3)
        simulate_stream(source, stream, StreamPlan(tuple(range(1, 8)), 0.55, 3, "device", 1), faults)
        return cls(create_workspace(folder / "study", stream / "initial", [*RETRAINING, *SMALL]), stream)

    def copied(self, folder: Path) -> "Updated":
        """A copy, for one test to change."""
        path = shutil.copytree(self.place.path, folder / self.place.path.name, symlinks=True)
        return Updated(Workspace.at(path), self.stream)

    @property
    def path(self) -> Path:
        return self.place.path

    def comes_in(self, batch: str, name: str | None = None) -> None:
        """Put a copy of a batch of the stream into the inbox."""
        (self.path / "inbox").mkdir(exist_ok=True)
        shutil.copytree(self.stream / "inbox" / batch, self.path / "inbox" / (name or batch))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flows", *arguments, "--workspace", str(self.path)]

    def veribeat(self, *arguments: str, code: int = 0) -> str:
        """Run a command of `veribeat` in a process of its own, and return what it said."""
        done = subprocess.run(
            self.command(*arguments),
            env=surroundings(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output

    def retrain(self, *options: str) -> Update:
        """One update, which must end; returns it."""
        self.veribeat("retrain", *options)
        last = self.last
        assert last.done
        self.check()
        return last

    @property
    def last(self) -> Update:
        return updates(self.path)[-1]

    def check(self) -> None:
        """What holds between two updates: everything is as the champion's release says, and the alias leads to it."""
        # Those that no update needs have never run; nor are the pipelines that releases hold any of the workspace's.
        not_needed = {stage.name for stage in self.place.stages()} - set(
            leading_to(self.place, ["challenge"])
        )
        assert self.dvc_status() <= not_needed
        champion = champion_of(self.path)
        assert registry.served(self.place) == champion
        if champion is not None:
            for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
                released = (self.path / "releases" / champion / name).read_bytes()
                assert (self.path / name).read_bytes() == released, name

    def dvc_status(self) -> set[str]:
        """Stages and tracked files that are not up to date."""
        done = subprocess.run(
            ["dvc", "status", "--json"],
            cwd=self.path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return set(json.loads(done.stdout))

    def places_of(self, batch: str) -> list[str]:
        """The folders in which a batch of this name is."""
        return [
            where
            for where in WHERE
            for path in sorted((self.path / where).glob("*"))
            if path.name == batch or path.name.endswith(f"-{batch}")
        ]

    def outputs(self) -> dict[str, bytes]:
        """Every file below out/, by path."""
        out = self.path / "out"
        return {
            str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()
        }


def surroundings() -> dict[str, str]:
    """The environment of a command: of the user's servers only Prefect's, which the tests start themselves."""
    return {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
