"""The registry of stages: what each runs, reads and writes.

It holds names, not imports, so that editing one stage does not touch the others. dvc.yaml is generated from it
(`veribeat dvc-yaml`), and the Prefect flow walks it in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

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
    artifacts: tuple["Artifact", ...] = ()

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


@dataclass(frozen=True)
class Artifact:
    """An output that others may want by name: `dvc artifacts get`."""

    name: str
    file: str
    type: str
    description: str


PTBXL_FILES = ("records100", "ptbxl_database.csv", "scp_statements.csv")

PROTOTYPE_FIGURES = ("figures/silhouettes.png", "figures/clusters.png")

REPORT_TABLES = ("table_3.csv", "table_4.csv", "tables_7_11.csv", "tables_12_13.csv")
"""[CF]'s tables with ours beside them."""

REPORT_FIGURES = (
    "figures/lead_importance.png",
    "figures/query.png",
    "figures/prototype.png",
    "figures/original.png",
    "figures/sparse.png",
    "figures/aligned.png",
    "figures/aligned_sparse.png",
    "figures/heat.png",
    "figures/beat_sparse.png",
    "figures/wave_sparse.png",
    "figures/worst.png",
)
"""After the importance of leads [CF] figures 8-14, in this order, the same query by our methods, and the failures."""

SIMULATION_TRUTH = "simulation_truth.csv"
"""What simulated records really show; only simulated cohorts have it."""

CHOICES = {
    "models.backbones.registry": "models.backbones",
    "models.selection.registry": "models.selection.strategies",
}
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
    if params.delineate.always or any(
        params.selections[arm.selection].needs_beats for arm in params.arms.values()
    ):
        chain.append(_delineate_stage(ingest, split))
    for name in sorted(params.arms):
        chain += _arm_stages(name, params, {stage.name: stage for stage in chain})
    if params.explain.arm is not None:
        chain += _explanation_stages(params.explain.arm, params, {stage.name: stage for stage in chain})
    return tuple(chain)


def _delineate_stage(ingest: Stage, split: Stage) -> Stage:
    return Stage(
        name="delineate",
        module="tasks.delineate",
        inputs=(*map(ingest.output, ("signals.npy", "records.parquet")), split.output("learning.parquet")),
        params=(),
        files=("beats.parquet", "windows.npy", "delineated.csv"),
        metrics=("delineate.json",),
    )


def _arm_stages(name: str, params: Params, done: Mapping[str, Stage]) -> tuple[Stage, Stage]:
    """Training and calibration of one arm; `done` holds the stages before."""
    arm, ingest, split = params.arms[name], done["ingest"], done["split"]
    selection = params.selections[arm.selection]
    beats: tuple[str, ...] = ()
    if selection.needs_beats:
        beats = tuple(map(done["delineate"].output, ("beats.parquet", "windows.npy")))
    cohort = (ingest.output("signals.npy"), ingest.output("records.parquet"))
    backbone = (f"models.backbones.{arm.backbone}",)
    train = Stage(
        name=f"train-{name}",
        module="tasks.train",
        arguments=(name,),
        inputs=(*cohort, split.output("learning.parquet"), split.output("normalisation.json"), *beats),
        params=(f"arms.{name}", f"presets.{arm.preset}", f"selections.{arm.selection}"),
        files=("model.pt", "training.json", "samples.csv"),
        plots=(
            Plot("history.csv", "epoch", ("train_loss", "val_loss"), f"Loss, {name}"),
            Plot("selection.csv", "epoch", ("candidates", "kept", "dropped"), f"Selected records, {name}"),
        ),
        chosen=(*backbone, f"models.selection.strategies.{selection.strategy}"),
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


def _explanation_stages(arm: str, params: Params, done: Mapping[str, Stage]) -> tuple[Stage, ...]:
    """What explains the predictions of one arm; `done` holds the stages before."""
    ingest, split = done["ingest"], done["split"]
    backbone = params.arms[arm].backbone
    common = (
        ingest.output("signals.npy"),
        ingest.output("records.parquet"),
        split.output("roles.parquet"),
        split.output("normalisation.json"),
        done[f"train-{arm}"].output("model.pt"),
        done[f"calibrate-{arm}"].output("classifier.json"),
    )

    def stage(
        name: str,
        inputs: tuple[str, ...] = (),
        more_params: tuple[str, ...] = (),
        arguments: tuple[str, ...] = (),
        more_backbones: tuple[str, ...] = (),
        **outputs: Any,
    ) -> Stage:
        backbones = sorted({backbone, *more_backbones})
        return Stage(
            name=name,
            module=f"tasks.{name}",
            arguments=(arm, *arguments),
            inputs=(*common, *inputs),
            params=(f"arms.{arm}.backbone", "compute", name, *more_params),
            chosen=tuple(f"models.backbones.{each}" for each in backbones),
            **outputs,
        )

    attribute = stage(
        "attribute",
        files=("attributions.h5", "attributions.parquet", "lead_importance.csv"),
        metrics=("attribute.json",),
    )
    rules = stage(
        "rules",
        inputs=(attribute.output("attributions.h5"), attribute.output("attributions.parquet")),
        files=("rules.parquet", "summary.parquet"),
        metrics=("rules.json",),
    )
    cluster_on = params.prototypes.cluster_on
    prototypes = stage(
        "prototypes",
        arguments=(cluster_on,),
        inputs=(rules.output("rules.parquet"),) if cluster_on == "rules" else (),
        more_params=("cohort",),
        files=("prototypes.h5", "prototypes.csv", "distances.h5", "silhouettes.csv", *PROTOTYPE_FIGURES),
        metrics=("prototypes.json",),
        artifacts=(
            Artifact(
                f"prototypes-{arm}",
                "prototypes.h5",
                "prototypes",
                f"Typical records of each superclass, as classified by the arm {arm}",
            ),
        ),
    )
    donors = stage("donors", files=("donors.h5", "donors.csv", "real_ranges.json"), metrics=("donors.json",))
    witness = params.explain.witness
    counterfactuals = stage(
        "counterfactuals",
        inputs=(
            prototypes.output("prototypes.h5"),
            *map(donors.output, ("donors.h5", "real_ranges.json")),
            *_witness_inputs(witness, done),
        ),
        more_params=() if witness is None else (f"arms.{witness}.backbone",),
        arguments=() if witness is None else (witness,),
        more_backbones=() if witness is None else (params.arms[witness].backbone,),
        files=("counterfactuals.h5", "counterfactuals.parquet"),
        metrics=("counterfactuals.json",),
    )
    report = stage(
        "report",
        inputs=(
            *map(attribute.output, ("attributions.parquet", "lead_importance.csv", "attribute.json")),
            rules.output("rules.json"),
            *map(prototypes.output, ("prototypes.h5", "prototypes.json")),
            *map(counterfactuals.output, ("counterfactuals.h5", "counterfactuals.parquet")),
        ),
        more_params=("attribute", "cohort"),
        files=(*REPORT_TABLES, "discussion.md", *REPORT_FIGURES),
    )
    return attribute, rules, prototypes, donors, counterfactuals, report


def _witness_inputs(witness: str | None, done: Mapping[str, Stage]) -> tuple[str, ...]:
    if witness is None:
        return ()
    return (
        done[f"train-{witness}"].output("model.pt"),
        done[f"calibrate-{witness}"].output("classifier.json"),
    )
