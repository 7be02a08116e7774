"""The registry of stages: what each runs, reads and writes.

It holds names, not imports, so that editing one stage does not touch the others. dvc.yaml is generated from it
(`veribeat dvc-yaml`), and the Prefect flow walks it in this order.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.params.document import Params


@dataclass(frozen=True)
class Stage:
    """One process: `python -m MODULE ARGUMENTS`, run in the workspace.

    `inputs` and the outputs are paths in the workspace, `params` keys of params.yaml. `chosen` names the modules
    behind a registry such as `models.backbones.registry` that this stage's parameters select.
    """

    name: str
    module: str
    inputs: tuple[str, ...]
    params: tuple[str, ...]
    files: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple["Plot", ...] = ()
    chosen: tuple[str, ...] = ()

    @property
    def folder(self) -> PurePosixPath:
        """Where the stage's outputs are, in the workspace."""
        return PurePosixPath("out") / self.name

    @property
    def command(self) -> str:
        """The shell command that DVC runs."""
        return " ".join(("python", "-m", self.module, *self.arguments))

    def output(self, file: str) -> str:
        """Path of one of this stage's outputs in the workspace."""
        return str(self.folder / file)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Paths of everything that the stage writes."""
        return tuple(map(self.output, (*self.files, *self.metrics, *(plot.file for plot in self.plots))))


@dataclass(frozen=True)
class Plot:
    """A table that `dvc plots show` draws."""

    file: str
    x: str
    y: tuple[str, ...]
    title: str


PTBXL_FILES = ("records100", "ptbxl_database.csv", "scp_statements.csv")

SIMULATION_TRUTH = "simulation_truth.csv"
"""What simulated records really show; only simulated cohorts have it."""

CHOICES = {"models.backbones.registry": "models.backbones"}
"""Modules that pick one of several others by name, and the package of what they pick."""


def stages(params: Params) -> tuple[Stage, ...]:
    """Every stage of a workspace with these parameters, in an order in which they can run."""
    chain: list[Stage] = []
    source = "cohort"
    if params.cohort.source == "simulated":
        simulate = Stage(
            name="simulate",
            module="tasks.simulate",
            inputs=(),
            params=("simulate",),
            files=(*PTBXL_FILES, SIMULATION_TRUTH),
        )
        chain.append(simulate)
        source = str(simulate.folder)
    ingest = Stage(
        name="ingest",
        module="tasks.ingest",
        arguments=(source,),
        inputs=tuple(f"{source}/{file}" for file in PTBXL_FILES),
        params=("ingest",),
        files=("signals.npy", "records.parquet", "quarantine.csv", "card.json"),
    )
    split = Stage(
        name="split",
        module="tasks.split",
        inputs=(ingest.output("signals.npy"), ingest.output("records.parquet")),
        params=("split",),
        files=("roles.parquet", "learning.parquet", "unused.csv", "normalisation.json"),
    )
    chain += [ingest, split]
    for name in sorted(params.arms):
        chain += _arm_stages(name, params, ingest, split)
    return tuple(chain)


def _arm_stages(name: str, params: Params, ingest: Stage, split: Stage) -> tuple[Stage, Stage]:
    arm = params.arms[name]
    cohort = (ingest.output("signals.npy"), ingest.output("records.parquet"))
    backbone = (f"models.backbones.{arm.backbone}",)
    train = Stage(
        name=f"train-{name}",
        module="tasks.train",
        arguments=(name,),
        inputs=(*cohort, split.output("learning.parquet"), split.output("normalisation.json")),
        params=(f"arms.{name}", f"presets.{arm.preset}"),
        files=("model.pt", "training.json"),
        plots=(Plot("history.csv", "epoch", ("train_loss", "val_loss"), f"Loss, {name}"),),
        chosen=backbone,
    )
    calibrate = Stage(
        name=f"calibrate-{name}",
        module="tasks.calibrate",
        arguments=(name,),
        inputs=(*cohort, split.output("roles.parquet"), *train.outputs),
        params=(f"arms.{name}.backbone", "calibrate", "cohort", "compute"),
        files=(
            "classifier.json",
            "predictions.parquet",
            "intervals.csv",
            "subgroups.csv",
            "error_patterns.csv",
            "reliability.csv",
            "figures/loss.png",
            "figures/roc.png",
            "figures/reliability.png",
        ),
        metrics=("metrics.json",),
        plots=(Plot("roc.csv", "false_positive_rate", ("true_positive_rate",), f"ROC, {name}"),),
        chosen=backbone,
    )
    return train, calibrate
