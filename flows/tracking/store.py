"""Runs in an MLflow store, found again by a key. Imported only after `flows.tracking.environment.quieten`."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from flows.tracking.content import CohortVersion
from veribeat.errors import InputError

MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""The kind that MLflow's own pages give an experiment whose runs train a model."""

METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
TAGS_PER_CALL = 100

Item = TypeVar("Item")


class Store:
    """One experiment of an MLflow store."""

    def __init__(self, uri: str, experiment: str, artifact_root: str | None) -> None:
        self.uri = uri
        if uri.startswith("sqlite:///"):
            Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self.client = MlflowClient(tracking_uri=uri)
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            self.experiment_id: str = self.client.create_experiment(
                experiment, artifact_location=artifact_root, tags=MODEL_TRAINING
            )
        elif found.lifecycle_stage == LifecycleStage.DELETED:
            raise InputError(
                f"The MLflow experiment '{experiment}' has been deleted: restore it with 'mlflow experiments restore"
                f" --experiment-id {found.experiment_id}', or remove it for good with 'mlflow gc'."
            )
        else:
            self.experiment_id = found.experiment_id

    def find(self, tags: Mapping[str, str]) -> list[Any]:
        """The runs that carry all of `tags`, oldest first; deleted ones do not count."""
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        return list(
            self.client.search_runs([self.experiment_id], condition, ViewType.ACTIVE_ONLY, order_by=order)
        )

    def create(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
        """Start a run and return its id; it counts only once `finish` has been called."""
        parent_tag = {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
        run = self.client.create_run(self.experiment_id, tags={**tags, **parent_tag}, run_name=name)
        run_id: str = run.info.run_id
        return run_id

    @staticmethod
    def is_finished(run: Any) -> bool:
        """Whether `finish` has been called for the run."""
        return bool(run.info.status == RunStatus.to_string(RunStatus.FINISHED))

    def finish(self, run_id: str) -> None:
        """Declare the run complete."""
        self.client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))

    def delete(self, run_id: str) -> None:
        """Delete a run and the models that it logged."""
        models = self.client.search_logged_models([self.experiment_id], f"source_run_id = '{run_id}'")
        for model in models:
            self.client.delete_logged_model(model.model_id)
        self.client.delete_run(run_id)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> None:
        """Write what the run does not hold yet, so that a second call with the same values changes nothing.

        A parameter that the run holds stays: MLflow's parameters are final. `metrics` with a `model_id` belong to
        that model, too.
        """
        data = self.client.get_run(run_id).data
        now = _now()
        new_metrics = [
            Metric(key, value, now, 0, model_id=model_id)
            for key, value in (metrics or {}).items()
            if data.metrics.get(key) != value
        ]
        new_params = [Param(key, value) for key, value in (params or {}).items() if key not in data.params]
        new_tags = [RunTag(key, value) for key, value in (tags or {}).items() if data.tags.get(key) != value]
        for some_metrics in _groups(new_metrics, METRICS_PER_CALL):
            self.client.log_batch(run_id, metrics=some_metrics)
        for some_params in _groups(new_params, PARAMS_PER_CALL):
            self.client.log_batch(run_id, params=some_params)
        for some_tags in _groups(new_tags, TAGS_PER_CALL):
            self.client.log_batch(run_id, tags=some_tags)

    def log_curves(
        self, run_id: str, curves: Iterable[tuple[int, Mapping[str, float]]], prefix: str = "curves"
    ) -> None:
        """Write values per step, as (step, values), under "curves/" or another prefix."""
        now = _now()
        points = [
            Metric(f"{prefix}/{name}", value, now, step)
            for step, values in curves
            for name, value in values.items()
        ]
        for some in _groups(points, METRICS_PER_CALL):
            self.client.log_batch(run_id, metrics=some)

    def log_files(self, run_id: str, files: Mapping[Path, str]) -> None:
        """Copy files into folders of the run."""
        for file, folder in files.items():
            self.client.log_artifact(run_id, str(file), folder or None)

    def log_dataset(self, run_id: str, cohort: CohortVersion) -> None:
        """Say which data the run's model learnt from."""
        dataset = Dataset(
            name=cohort.name,
            digest=cohort.digest,
            source_type="local",
            source=json.dumps({"uri": cohort.folder.as_uri()}),
            profile=json.dumps(cohort.profile),
        )
        context = [InputTag(MLFLOW_DATASET_CONTEXT, "training")]
        self.client.log_inputs(run_id, datasets=[DatasetInput(dataset, context)])


def _groups(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    remaining = iter(items)
    while group := list(islice(remaining, size)):
        yield group


def _now() -> int:
    return time.time_ns() // 1_000_000
