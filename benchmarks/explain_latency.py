"""How long one explanation takes, from an array to the JSON document: warm, and as the first of a process.

WORKSPACE has run the stage `donors`; the records are those of its query fold, the targets the default ones.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.compiled import compile_beforehand
from benchmarks.subject import Subject, argument_parser, show
from benchmarks.tables import Grid, percentiles
from benchmarks.timing import seconds
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.counterfactual.methods import METHODS

WITH_ATTRIBUTIONS = ", with attributions"


@dataclass(frozen=True)
class Size:
    """How many records are explained, and how many of them with attributions; processes for the first explanation."""

    records: int
    attributed: int
    processes: int


FULL, QUICK = Size(100, 100, 20), Size(5, 1, 1)


def warm(subject: Subject, size: Size, methods: Sequence[str] = METHODS) -> dict[str, list[float]]:
    """Seconds per record for every method; they take turns, and the first record is explained once before."""
    signals = subject.records("query", size.records)
    runs = {name: partial(subject.explain_array, method=name) for name in methods}
    for run in runs.values():
        run(signals[0])
    times: dict[str, list[float]] = {name: [] for name in methods}
    for signal in signals:
        for name, run in runs.items():
            times[name].append(seconds(partial(run, signal)))
    return times


def warm_with_attributions(subject: Subject, size: Size) -> dict[str, list[float]]:
    """Seconds per record for the default method with attributions."""
    signals = subject.records("query", size.records)
    times: dict[str, list[float]] = {DEFAULT_METHOD + WITH_ATTRIBUTIONS: []}
    attributed = partial(subject.explain_array, method=DEFAULT_METHOD, attributions=True)
    attributed(signals[0])
    for signal in signals[: size.attributed]:
        times[DEFAULT_METHOD + WITH_ATTRIBUTIONS].append(seconds(partial(attributed, signal)))
    return times


def cold(workspace: Path, attributions: bool, processes: int) -> list[dict[str, float]]:
    """What `explain_cold` prints in each of some processes, after one that fills the caches of disk and compiler."""
    found = []
    for _ in range(processes + 1):
        command = [
            sys.executable,
            "-m",
            "benchmarks.explain_cold",
            str(workspace),
            f"--method={DEFAULT_METHOD}",
            *(["--attributions"] if attributions else []),
            f"--started={time.time()}",
        ]
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(finished.stdout.splitlines()[-1]))
    return found[1:]


COLD_ROWS = {
    "first": "the first call, everything imported and loaded",
    "load": "loading classifier, cohort and prototypes",
    "imports": "imports",
    "all": "from the start of the process to the document",
}


def _warm_grid(times: dict[str, list[float]], threads: int, workers: int) -> Grid:
    rows = []
    for name, values in times.items():
        label = name.replace(DEFAULT_METHOD, f"{DEFAULT_METHOD} (the default)")
        rows.append((label, str(len(values)), *percentiles(values)))
    note = (
        f"From an array (1000, 12) to the JSON document of `veribeat explain`, one window, {threads} of torch's threads"
        f" in each of {workers} of the search's, records spread over the query fold, default targets."
    )
    return Grid("Warm", ("method", "records", "p50, ms", "p95, ms"), tuple(rows), note)


def _cold_grid(first: dict[bool, list[dict[str, float]]]) -> Grid:
    rows = []
    for attributions, found in first.items():
        for key in COLD_ROWS if not attributions else ("first", "all"):
            label = COLD_ROWS[key] + WITH_ATTRIBUTIONS * attributions
            rows.append((label, str(len(found)), *percentiles([each[key] for each in found])))
    note = "Each in a fresh process; the kernels were compiled and the files read by one before."
    return Grid("Cold", ("step", "processes", "p50, ms", "p95, ms"), tuple(rows), note)


def run(workspace: Path, quick: bool, *, default_only: bool = False) -> Sequence[Grid]:
    """Measure, and the tables of it: `default_only`, just the default method, warm and without attributions."""
    size = QUICK if quick else FULL
    compile_beforehand(workspace)
    subject = Subject.load(workspace)
    threads, workers = subject.explained.sources.threads, subject.settings.search.workers
    if default_only:
        return (_warm_grid(warm(subject, size, [DEFAULT_METHOD]), threads, workers),)
    first = {attributions: cold(workspace, attributions, size.processes) for attributions in (False, True)}
    times = warm(subject, size) | warm_with_attributions(subject, size)
    return _warm_grid(times, threads, workers), _cold_grid(first)


def main() -> None:
    """Measure and print the tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("--default", action="store_true", help="just the default method, warm")
    asked = parser.parse_args()
    show(run(asked.workspace, asked.quick, default_only=asked.default))


if __name__ == "__main__":
    main()
