"""How times grow: DTW with the number of records, explanations with the prototypes and the length of the recording.

WORKSPACE has run the stage `donors`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.compiled import compile_beforehand
from benchmarks.subject import Subject, options, show
from benchmarks.tables import Grid, significant
from benchmarks.timing import interleaved
from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.counterfactual.methods import DonorSets
from veribeat.counterfactual.query import Donors
from veribeat.dtw.distances import pairwise_distances
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.windows import window_starts

FASTER = 5
"""Long recordings are at 500 Hz, as devices record: the whole is brought to 100 Hz before a window is cut."""
LENGTHS_S = (10, 30, 60)


@dataclass(frozen=True)
class Size:
    """Numbers of records, and of prototypes and donors per superclass, that are tried, and how often."""

    records: tuple[int, ...]
    per_superclass: tuple[int, ...]
    rounds: int


FULL, QUICK = Size((8, 16, 32, 64, 128), (1, 2, 4, 8, 16, 32), 9), Size((8, 16, 32), (1, 8), 2)


@dataclass(frozen=True)
class Growth:
    """Median seconds by number or length."""

    dtw: dict[int, float]
    prototypes: dict[int, float]
    one_window: dict[int, float]
    all_windows: dict[int, float]


def more_prototypes(prototypes: PrototypeSet, per_superclass: int) -> PrototypeSet:
    """So many of each superclass that has any, the same ones over and over: the nearest stays the nearest."""
    present = dict.fromkeys(prototypes.superclasses)
    taken = np.concatenate([np.resize(prototypes.of(name), per_superclass) for name in present])
    fields = ("signals_mv", "ecg_ids", "clusters", "cluster_sizes", "silhouettes", "mean_distances")
    return replace(
        prototypes,
        superclasses=tuple(prototypes.superclasses[index] for index in taken),
        **{name: getattr(prototypes, name)[taken] for name in fields},
    )


def measure(subject: Subject, size: Size) -> Growth:
    """Time everything; what is compared takes turns."""
    pool = subject.records("pool", max(size.records))
    (signal,) = subject.records("query", 1)
    explain = partial(subject.explain_array, method=DEFAULT_METHOD)
    prototypes, donors = subject.sources.prototypes.records, subject.sources.donors.records
    sets = {
        count: DonorSets(Donors(more_prototypes(prototypes, count)), Donors(more_prototypes(donors, count)))
        for count in size.per_superclass
    }
    longest = _recording(subject, max(LENGTHS_S))
    cut = {length: longest[: length * SAMPLING_RATE * FASTER] for length in LENGTHS_S}
    at = partial(explain, rate=float(SAMPLING_RATE * FASTER))
    return Growth(
        _medians({n: partial(pairwise_distances, pool[:n]) for n in size.records}, size.rounds),
        _medians(
            {count: partial(explain, signal, sources=each) for count, each in sets.items()}, size.rounds
        ),
        _medians({length: partial(at, signals) for length, signals in cut.items()}, size.rounds),
        _medians(
            {length: partial(_every_window, at, signals) for length, signals in cut.items()}, size.rounds
        ),
    )


def _recording(subject: Subject, length_s: int) -> NDArray[np.float64]:
    """Records of the query fold, one after the other, at 500 Hz: (samples, 12)."""
    records = subject.records("query", length_s * SAMPLING_RATE // RECORD_SAMPLES)
    joined: NDArray[np.float64] = resample_poly(np.concatenate(records).astype(np.float64), FASTER, 1, axis=0)
    return joined


def _every_window(explain: partial[str], signals: NDArray[np.float64]) -> list[str]:
    starts = window_starts(len(signals) // FASTER)
    return [explain(signals, start_s=start / SAMPLING_RATE) for start in starts]


def _medians(runs: dict[int, partial], rounds: int) -> dict[int, float]:
    times = interleaved({str(size): run for size, run in runs.items()}, rounds)
    return {size: float(np.median(times[str(size)])) for size in runs}


def grids(growth: Growth, rounds: int) -> tuple[Grid, ...]:
    """DTW, prototypes, length."""
    pairs = {n: n * (n - 1) // 2 for n in growth.dtw}
    dtw = tuple(
        (str(n), f"{pairs[n]:,}", significant(1000 * taken), significant(1000 * taken / pairs[n]))
        for n, taken in growth.dtw.items()
    )
    prototypes = tuple((str(n), significant(1000 * taken)) for n, taken in growth.prototypes.items())
    lengths = tuple(
        (
            str(length),
            significant(1000 * growth.one_window[length]),
            str(len(window_starts(length * SAMPLING_RATE))),
            significant(1000 * growth.all_windows[length]),
        )
        for length in growth.one_window
    )
    by = f"Median of {rounds} rounds, 1 record of the query fold, the default method, without attributions."
    return (
        Grid(
            "DTW by number of records",
            ("records", "pairs", "ms", "ms per pair"),
            dtw,
            f"All against all, 1 thread, median of {rounds} rounds. 16 pairs go through a vector at a time, so that few"
            " records leave some of it empty.",
        ),
        Grid(
            "Explanation by number of donors",
            ("donors per superclass", "ms"),
            prototypes,
            f"{by} The workspace's own donors (and prototypes), repeated.",
        ),
        Grid(
            "Explanation by length of the recording",
            ("length, s", "ms, one window", "windows", "ms, all windows"),
            lengths,
            f"{by} A window is 10 s, and `veribeat explain` explains one; the whole recording, here at"
            f" {SAMPLING_RATE * FASTER} Hz, is brought to {SAMPLING_RATE} Hz before. All windows: one call for each.",
        ),
    )


def run(workspace: Path, quick: bool) -> tuple[Growth, Sequence[Grid]]:
    """Measure, and the tables of it."""
    size = QUICK if quick else FULL
    compile_beforehand(workspace)
    growth = measure(Subject.load(workspace), size)
    return growth, grids(growth, size.rounds)


def main() -> None:
    """Measure and print the tables."""
    asked = options(__doc__)
    show(run(asked.workspace, asked.quick)[1])


if __name__ == "__main__":
    main()
