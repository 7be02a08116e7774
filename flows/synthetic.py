"""A simulated cohort of one's own, outside any workspace."""

from pathlib import Path

from flows.folders import new_folder
from tasks.params.reading import parse
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate


def write_cohort(folder: Path, records: int, seed: int) -> None:
    """Write a PTB-XL folder of simulated records; raises InputError when `folder` exists or there are too many."""
    params = parse(SimulateParams, {"records": records, "seed": seed}, "simulate")
    with new_folder(folder) as scratch:
        simulate(scratch, params)
