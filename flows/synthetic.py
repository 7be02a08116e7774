"""A simulated cohort of one's own, outside any workspace."""

import shutil
from pathlib import Path

from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.errors import InputError


def write_cohort(folder: Path, params: SimulateParams) -> None:
    """Write a PTB-XL folder of simulated records; `folder` appears only when it is complete.

    Raises InputError when `folder` exists.
    """
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another folder, or remove it first.")
    scratch = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    simulate(scratch, params)
    scratch.replace(folder)
