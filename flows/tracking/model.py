"""The served model of a run. Imported only after `flows.tracking.environment.quieten`."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import mlflow
from mlflow.models import Model

import models.served as served
import veribeat
from flows.tracking.environment import TRACKING_URI
from models.bundle import DESCRIPTION, WEIGHTS


def log_model(uri: str, run_id: str, weights: Path, description: Path) -> str:
    """Log the classifier as a model of the run and return the model's id.

    The model carries weights, thresholds and the code that reads them; it loads without this project, without
    Lightning, and without unpickling objects.
    """
    with _tracking_uri(uri), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / served.ARTIFACT
        folder.mkdir()
        shutil.copyfile(weights, folder / WEIGHTS)
        shutil.copyfile(description, folder / DESCRIPTION)
        info = Model.log(
            artifact_path=None,
            name="model",
            flavor=mlflow.pyfunc,
            run_id=run_id,
            python_model=str(served.__file__),
            artifacts={served.ARTIFACT: str(folder)},
            code_paths=[str(_package(served.__file__)), str(_package(veribeat.__file__))],
            signature=served.SIGNATURE,
            pip_requirements=requirements(),
        )
    model_id: str = info.model_id
    return model_id


def requirements() -> list[str]:
    """What serving needs, pinned to the versions installed here.

    A local version such as torch's "+cpu" is dropped, because the package index does not have it.
    """
    return [f"{name}=={version(name).partition('+')[0]}" for name in served.REQUIREMENTS]


def _package(module_file: str | None) -> Path:
    assert module_file is not None
    return Path(module_file).resolve().parent


@contextmanager
def _tracking_uri(uri: str) -> Iterator[None]:
    """Point MLflow's global state, which logging a model reads, at `uri` and put it back afterwards.

    Setting it also sets the environment variable, which would later look like the user's own choice.
    """
    logger = logging.getLogger("mlflow")
    before, level = os.environ.get(TRACKING_URI), logger.level
    logger.setLevel(logging.ERROR)  # it asks for an input example, which would be a patient's record
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        logger.setLevel(level)
