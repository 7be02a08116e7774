"""Wall times of runs that take turns, so that a machine that is busy with other work slows all of them."""

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def interleaved(runs: Mapping[str, Run], rounds: int) -> dict[str, NDArray[np.float64]]:
    """Wall times (rounds,) of each run; they take turns, after a round that only warms up."""
    times = [[seconds(run) for run in runs.values()] for _ in range(rounds + 1)][1:]
    return dict(zip(runs, np.array(times).T, strict=True))


def ratio(times: NDArray[np.float64], ours: NDArray[np.float64]) -> float:
    """The median of the ratios of the rounds."""
    return float(np.median(times / ours))
