"""The registry of stages: what each runs, reads and writes.

It holds names, not imports, so that editing one stage does not touch the others. dvc.yaml is generated from it
(`veribeat dvc-yaml`), and the Prefect flow walks it in this order.
"""

from collections.abc import Mapping

from tasks.explanation_stages import explanation_stages
from tasks.file_names import LEARNT, RECORDS_FOLDER, RECORDS_TABLE
from tasks.params.document import Params
from tasks.stage_description import Plot, Stage

BATCHES = "batches"
"""Folder of the records that came later, a folder for each batch."""

BATCH_FILES = (RECORDS_FOLDER, RECORDS_TABLE)
RELEASES = "releases"
"""Folder of the models that were accepted, a folder for each."""

PTBXL_FILES = (*BATCH_FILES, "scp_statements.csv")

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
    batches = tuple(f"{BATCHES}/{name}" for name in params.cohort.batches)
    ingest = Stage(
        name="ingest",
        module="tasks.ingest",
        arguments=(source, *batches),
        inputs=(
            *(f"{source}/{file}" for file in PTBXL_FILES),
            *(f"{batch}/{file}" for batch in batches for file in BATCH_FILES),
        ),
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
    for name in filter(params.is_trainable, sorted(params.arms)):
        chain += _arm_stages(name, params, {stage.name: stage for stage in chain})
    if params.explain.arm is not None:
        chain += explanation_stages(params.explain.arm, params, {stage.name: stage for stage in chain})
    if params.judged is not None:
        chain.append(_challenge_stage(params.judged, params, {stage.name: stage for stage in chain}))
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
    champion = (params.retrain.champion,) if arm.start == "champion" and params.retrain.champion else ()
    backbone = (f"models.backbones.{arm.backbone}",)
    train = Stage(
        name=f"train-{name}",
        module="tasks.train",
        arguments=(name, *(f"{RELEASES}/{release}" for release in champion)),
        inputs=(
            *cohort,
            split.output("learning.parquet"),
            split.output("normalisation.json"),
            *beats,
            *(f"{RELEASES}/{release}/{file}" for release in champion for file in ("model.pt", LEARNT)),
        ),
        params=(f"arms.{name}", f"presets.{arm.preset}", f"selections.{arm.selection}", "train"),
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


def _challenge_stage(arm: str, params: Params, done: Mapping[str, Stage]) -> Stage:
    """What judges the arm that an update trains, against the champion where there is one."""
    ingest, split = done["ingest"], done["split"]
    train, calibrate = done[f"train-{arm}"], done[f"calibrate-{arm}"]
    champion = () if params.retrain.champion is None else (f"{RELEASES}/{params.retrain.champion}",)
    backbones = sorted({params.arms[arm].backbone, params.arms[params.retrain.first].backbone})
    return Stage(
        name="challenge",
        module="tasks.challenge",
        arguments=(arm, *champion),
        inputs=(
            *map(ingest.output, ("signals.npy", "records.parquet")),
            *map(split.output, ("roles.parquet", "normalisation.json")),
            *map(train.output, ("model.pt", "samples.csv")),
            *map(calibrate.output, ("classifier.json", "predictions.parquet")),
            done["prototypes"].output("prototypes.h5"),
            done["donors"].output("donors.h5"),
            *(f"{folder}/{file}" for folder in champion for file in ("model.pt", "classifier.json", LEARNT)),
        ),
        params=(
            f"arms.{arm}.backbone",
            "compute",
            "calibrate",
            "counterfactuals",
            "retrain.judge",
        ),
        files=("acceptance.csv", "scores.csv"),
        metrics=("challenge.json",),
        chosen=tuple(f"models.backbones.{name}" for name in backbones),
    )
