"""The served model of a run. Imported only after `flows.tracking.environment.quieten`."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model

import models.served as served
import veribeat
from flows.tracking.store import Store
from models.bundle import DESCRIPTION, WEIGHTS


def log_model(store: Store, run_id: str, weights: Path, description: Path, params: Mapping[str, str]) -> str:
    """Log the classifier as a model of the run and return the model's id.

    The model carries weights, thresholds and the code that reads them; it loads without this project, without
    Lightning, and without unpickling objects. MLflow's own `log_model` is avoided: it goes by process-wide state (the
    tracking URI, the active experiment) and the environment variables that mirror it.
    """
    entry = store.client.create_logged_model(
        store.experiment_id, name="model", source_run_id=run_id, params=dict(params)
    )
    with tempfile.TemporaryDirectory() as scratch:
        classifier, saved = Path(scratch) / served.ARTIFACT, Path(scratch) / "model"
        classifier.mkdir()
        shutil.copyfile(weights, classifier / WEIGHTS)
        shutil.copyfile(description, classifier / DESCRIPTION)
        header = Model(artifact_path=entry.artifact_location, run_id=run_id, model_id=entry.model_id)
        _save(header, classifier, saved)
        store.client.log_model_artifacts(entry.model_id, str(saved))
    store.client.finalize_logged_model(entry.model_id, LoggedModelStatus.READY)
    store.client.log_outputs(run_id, [LoggedModelOutput(entry.model_id, step=0)])
    model_id: str = entry.model_id
    return model_id


def requirements() -> list[str]:
    """What serving needs, pinned to the versions installed here.

    A local version such as torch's "+cpu" is dropped, because the package index does not have it.
    """
    return [f"{name}=={version(name).partition('+')[0]}" for name in served.REQUIREMENTS]


def _save(header: Model, classifier: Path, target: Path) -> None:
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for an input example, which would be a patient's record
            mlflow.pyfunc.save_model(
                path=str(target),
                mlflow_model=header,
                python_model=str(served.__file__),
                artifacts={served.ARTIFACT: str(classifier)},
                code_paths=[str(_package(served.__file__)), str(_package(veribeat.__file__))],
                signature=served.SIGNATURE,
                pip_requirements=requirements(),
            )
    finally:
        logger.setLevel(level)


def _package(module_file: str | None) -> Path:
    assert module_file is not None
    return Path(module_file).resolve().parent
