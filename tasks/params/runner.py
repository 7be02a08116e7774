"""Who works on the items of a stage; no result depends on it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.params.reading import PARAMS_FILE, parse, read_document

Runner = Literal["local", "dask"]
"""Processes and threads of this machine, or Dask's workers wherever they are."""


class _OnlyRunner(BaseModel):
    """What this module reads of params.yaml; the rest is not its business."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    runner: Runner = "local"


def read_runner(path: Path = PARAMS_FILE) -> Runner:
    """The key `runner` of params.yaml; local where an older file has none.

    On purpose not by `read_section`: what is read by that has to be a parameter of the stage in dvc.yaml and to stay
    as it is while the stage runs. Another runner gives the same bytes, so it must neither rerun a stage nor make one
    refuse its outputs.
    """
    return parse(_OnlyRunner, read_document(path), path=path).runner
