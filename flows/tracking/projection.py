"""The projection: one MLflow run per flow run, with one child per arm, each logged once."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.tracking.content import SUMMARY_METRICS, ArmContent, RunContent, read_run
from flows.tracking.context import RunContext
from flows.tracking.environment import artifact_root, is_shared, quieten, tracking_uri
from flows.tracking.lock import LOCK_FILE, read_lock
from tasks.params.document import Params
from tasks.stage_description import Stage

if TYPE_CHECKING:
    from flows.tracking.store import Store

KEY = "veribeat_key"
"""Tag that names what a run shows, so that it is found instead of logged again."""

TRAINING = "veribeat_training"
"""Tag of an arm's run: the hash of its train stage's outputs."""

COMPLETE = "veribeat_complete"
"""Tag of an arm's run: whether all stages of the arm had run, "true" or "false"."""

WORKSPACE = "veribeat_workspace"
"""Tag of an arm's run: machine and folder of the workspace. On a shared server another one may have the same name."""


@dataclass(frozen=True)
class ProjectionResult:
    """Where a projection went."""

    tracking_uri: str
    experiment: str
    experiment_id: str
    parent_run: str
    children: Mapping[str, str]  # arm -> run id
    logged: tuple[str, ...]  # arms whose run is new
    skipped: tuple[str, ...]  # arms that are not trained, or not on the data that the workspace holds now


def project(
    workspace: Path, params: Params, stages: Sequence[Stage], context: RunContext
) -> ProjectionResult:
    """Log what the stages wrote to MLflow; what is there already is not logged again.

    Parameters come from dvc.lock, that is, from the run that made the outputs, not from params.yaml as it is now.
    An arm's run is keyed by the hashes of its outputs, those of its explanations included: other explanations of the
    same model make another run beside the earlier one. The parent is keyed by the Prefect flow run or else by dvc.lock.

    Raises:
        InputError: no stage has run, or a file is missing or is not what dvc.lock records.
    """
    workspace = workspace.resolve()
    content = read_run(read_lock(workspace), stages, params.arms, params.cohort.source)
    quieten()
    from flows.tracking.store import Store  # takes seconds to import, and must come after `quieten`

    store = Store(tracking_uri(workspace), workspace.name, artifact_root(workspace))
    tags = {**context.code_tags(), "dvc_lock": content.lock_sha256, "cohort": content.cohort}
    tags[WORKSPACE] = f"{platform.node()}:{workspace}"
    if context.prefect_flow_run:
        tags["prefect_flow_run"] = context.prefect_flow_run
    parent = _Parent.of(store, content, tags)
    children, logged = {}, []
    for arm in content.arms:
        children[arm.arm], is_new = _child(store, arm, parent.run_id, tags)
        if is_new:
            logged.append(arm.arm)
    parent.log(content, {**tags, **_child_tags(children, store.experiment_id)}, context.minutes)
    skipped = tuple(sorted(set(params.arms) - set(children)))
    return ProjectionResult(
        store.uri, workspace.name, store.experiment_id, parent.run_id, children, tuple(logged), skipped
    )


@dataclass(frozen=True)
class _Parent:
    """The run that stands for a whole flow run. Everything it holds is written once, so a crash is made good."""

    store: "Store"
    run_id: str
    logged_lock: str | None  # hash of the dvc.lock that the run is complete for

    @classmethod
    def of(cls, store: "Store", content: RunContent, tags: Mapping[str, str]) -> "_Parent":
        flow_run = tags.get("prefect_flow_run")
        key = f"flow-run {flow_run}" if flow_run else f"{LOCK_FILE} {content.lock_sha256}"
        for run in store.find({KEY: key}):
            return cls(
                store, run.info.run_id, run.data.tags.get("dvc_lock") if store.is_finished(run) else None
            )
        name = f"flow run {flow_run[:8]}" if flow_run else f"{LOCK_FILE} {content.lock_sha256[:8]}"
        return cls(store, store.create(name, {KEY: key}), None)

    def log(self, content: RunContent, tags: Mapping[str, str], minutes: Mapping[str, float]) -> None:
        metrics = {**content.metrics, **{f"minutes/{stage}": value for stage, value in minutes.items()}}
        for arm in content.arms:
            metrics |= {
                f"{arm.arm}/{name}": arm.metrics[metric]
                for name, metric in SUMMARY_METRICS.items()
                if metric in arm.metrics
            }
        is_complete = self.logged_lock == content.lock_sha256
        self.store.log(self.run_id, params=content.params, metrics=metrics, tags=tags)
        if not is_complete:
            self.store.log_files(self.run_id, {**content.files, content.lock_file: ""})
            self.store.finish(self.run_id)


def _child_tags(children: Mapping[str, str], experiment: str) -> dict[str, str]:
    """The arms' runs by id, and as links in the description that MLflow's pages show.

    An arm that an earlier run trained is a child of that run; here it is only named.
    """
    page = "#/experiments/{}/runs/{}?workflowType=machine_learning"  # else the pages are those for language models
    links = [f"- {arm}: [{run_id}]({page.format(experiment, run_id)})" for arm, run_id in children.items()]
    tags = {f"child.{arm}": run_id for arm, run_id in children.items()}
    return {**tags, "mlflow.note.content": "\n".join(["Arms:", "", *links])} if children else {}


def _child(store: "Store", arm: ArmContent, parent: str, tags: Mapping[str, str]) -> tuple[str, bool]:
    """The run of an arm, and whether it is new.

    Leftovers of the same workspace go first: runs of the same outputs that a crash cut short, and, once all stages of
    the arm have run, the runs of its training that lacked some of them.
    """
    leftovers = []
    for run in store.find({KEY: arm.key}):
        if store.is_finished(run):
            return run.info.run_id, False
        leftovers.append(run)
    if arm.complete:
        leftovers += store.find({TRAINING: arm.training, COMPLETE: "false"})
    if is_shared():
        leftovers = [run for run in leftovers if run.data.tags.get(WORKSPACE) == tags[WORKSPACE]]
    for run_id in {run.info.run_id for run in leftovers}:
        store.delete(run_id)

    own_tags = {KEY: arm.key, TRAINING: arm.training, COMPLETE: str(arm.complete).lower()}
    run_id = store.create(arm.arm, {**tags, **arm.tags, **own_tags}, parent)
    store.log_dataset(run_id, arm.dataset)
    store.log(run_id, params=arm.params)
    model_id = None
    if arm.model:
        from flows.tracking.model import log_model  # torch, too, takes seconds to import

        model_id = log_model(store, run_id, *arm.model, arm.params)
    store.log(run_id, metrics=arm.metrics, model_id=model_id)
    store.log_curves(run_id, arm.curves)
    store.log_files(run_id, arm.files)
    store.finish(run_id)
    return run_id, True
