"""The long stages by `runner: local` and by Dask: wall times, and whether every output has the same bytes.

WORKSPACE is up to date, and stays as it is: each stage runs three times in a folder of its own, by this machine's
processes, by Dask's, and by Dask's of which one is killed when half of the items are done.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from ruamel.yaml import YAML

from benchmarks.subject import show
from benchmarks.tables import Grid
from flows.code_dependencies import CODE_ROOT
from flows.explained_arm import require
from flows.process import environment
from flows.workspace import Workspace
from tasks import attribute, counterfactuals, rules
from tasks.params.reading import PARAMS_FILE, read_document
from tasks.params.runner import Runner
from tasks.stage import CODE_LINK, OUT, SCRATCH
from tasks.stage_description import Stage
from tasks.workers import WORKERS
from veribeat.errors import InputError

ROWS = {
    "attribute": attribute.ROW,
    "rules": rules.ROW,
    "prototypes": np.dtype(np.float64),
    "counterfactuals": counterfactuals.ROW,
}
"""The stages that are run, and what a row of their results is."""

SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Run:
    """How long a stage took, the bytes of its outputs, and whether it says that a worker has gone."""

    seconds: float
    outputs: dict[str, bytes]
    lost_a_worker: bool


def run_stage(place: Workspace, stage: Stage, runner: Runner, workers: int, *, kill: bool = False) -> Run:
    """Run one stage of the workspace in a temporary folder; its last words, and the end, when it fails."""
    with TemporaryDirectory(prefix="veribeat-runners-") as temporary:
        folder = Path(temporary)
        _furnish(folder, place, stage, runner)
        variables = {**environment(), WORKERS: str(workers), "PYTHONPATH": str(CODE_ROOT)}
        variables.pop("DASK_SCHEDULER_ADDRESS", None)
        started = time.perf_counter()
        with (folder / "errors").open("w+", encoding="utf-8") as errors:
            command = [sys.executable, *shlex.split(stage.command)[1:]]
            process = subprocess.Popen(command, cwd=folder, env=variables, stderr=errors)
            try:
                if kill:
                    _kill_a_worker(process, folder / SCRATCH, stage)
                failed = process.wait()
            finally:
                process.kill()
            seconds = time.perf_counter() - started
            errors.seek(0)
            words = errors.read()
        if failed:
            raise SystemExit(f"error: '{stage.command}' with 'runner: {runner}' failed:\n{words}")
        outputs = {output: (folder / output).read_bytes() for output in stage.outputs}
    return Run(seconds, outputs, "has gone" in words)


def _furnish(folder: Path, place: Workspace, stage: Stage, runner: Runner) -> None:
    """A workspace for this stage alone: links to what the others have written, and parameters of its own."""
    require(place.path / file for file in stage.inputs)
    (folder / OUT).mkdir()
    for written in (place.path / OUT).iterdir():
        if written.name != stage.name:
            (folder / OUT / written.name).symlink_to(written)
    (folder / CODE_LINK).symlink_to(CODE_ROOT)
    YAML().dump(read_document(place.params_file) | {"runner": runner}, folder / PARAMS_FILE)


def _kill_a_worker(process: subprocess.Popen[bytes], scratch: Path, stage: Stage) -> None:
    """Kill one of the stage's workers when half of its rows are done; none where it ends before."""
    row = np.dtype([("value", ROWS[stage.name]), ("done", np.uint8)])
    while process.poll() is None:
        for file in scratch.glob(f"{stage.name}.*.resume"):
            if file.stat().st_size and np.memmap(file, row, mode="r")["done"].mean() >= 0.5:
                children = psutil.Process(process.pid).children()
                workers = [child for child in children if "--multiprocessing-fork" in child.cmdline()]
                workers[0].send_signal(signal.SIGKILL)
                return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def grid(place: Workspace, names: Sequence[str], workers: int) -> tuple[Grid, bool]:
    """A row for each stage, and whether all of it is as it should be."""
    rows, good = [], True
    for stage in place.stages():
        if stage.name not in names:
            continue
        local = run_stage(place, stage, "local", workers)
        by_dask = run_stage(place, stage, "dask", workers)
        killed = run_stage(place, stage, "dask", workers, kill=True)
        same, same_killed = local.outputs == by_dask.outputs, local.outputs == killed.outputs
        good &= same and same_killed and killed.lost_a_worker
        answer = ("yes" if same_killed else "no") if killed.lost_a_worker else "no worker was lost"
        times = (
            f"{local.seconds:.1f}",
            f"{by_dask.seconds:.1f}",
            f"{by_dask.seconds / local.seconds:.2f}",
            f"{killed.seconds:.1f}",
        )
        rows.append((stage.name, *times, str(len(local.outputs)), "yes" if same else "no", answer))
        print(*rows[-1], sep=", ", file=sys.stderr, flush=True)
    columns = (
        "stage",
        "local, s",
        "Dask, s",
        "Dask / local",
        "Dask, one killed, s",
        "outputs",
        "identical",
        "identical, one killed",
    )
    note = f"Whole stages, {workers} workers of this machine each time, of {os.cpu_count()} cores."
    return Grid("Runners", columns, tuple(rows), note), good


def main() -> None:
    """Measure, print the table; exit code 1 when anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--stages", nargs="+", choices=tuple(ROWS), default=tuple(ROWS), metavar="STAGE")
    parser.add_argument("--workers", type=int, default=2, help="default: 2")
    asked = parser.parse_args()
    try:
        table, good = grid(Workspace.at(asked.workspace), asked.stages, asked.workers)
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    show([table])
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    main()
