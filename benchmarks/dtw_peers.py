"""How long a pair takes in our DTW and in other libraries': the same pairs, one and two threads, and the floor.

WORKSPACE has run the stage `prototypes`; the records are those of its pool.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aeon.distances import pairwise_distance
from dtaidistance import dtw_ndim
from dtw import dtw
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tslearn.metrics import cdist_dtw, dtw_path_from_metric

from benchmarks.compiled import compile_beforehand
from benchmarks.dtw_floor import by_differences, by_products
from benchmarks.subject import Subject, options, show
from benchmarks.tables import Grid, significant
from benchmarks.timing import interleaved, ratio
from veribeat.dtw.distances import dtw_distances

Signals = NDArray[np.floating]
Distances = NDArray[np.float64]
Block = Callable[[Signals, Signals, int], Distances]
"""Distances (Q, M) between all of (Q, 1000, 12) and all of (M, 1000, 12), by so many threads."""

OURS = "veribeat"
THREADS = (1, 2)
SAME = 1e-4
"""Relative difference up to which two libraries compute the same; ours computes in float32."""


@dataclass(frozen=True)
class Peer:
    """A way to compute a block: `measure` is one of MEASURES; `threading` says where a second thread comes from."""

    name: str
    measure: str
    threading: str
    block: Block


MEASURES = {
    "eq7": "exactly",
    "root": "no: root of summed squares",
    "squares": "no: summed squares",
}
"""What is computed, and what the table says to 'computes [CF] eq. 7'."""


def by_pairs(distance: Callable[[Signals, Signals], float]) -> Block:
    """A block of a library without one: pair by pair, shared by Python threads."""

    def block(one: Signals, many: Signals, threads: int) -> Distances:
        pairs = [(first, second) for first in one for second in many]
        if threads == 1:
            found = [distance(*pair) for pair in pairs]
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(lambda pair: distance(*pair), pairs))
        return np.reshape(found, (len(one), len(many)))

    return block


def ours(one: Signals, many: Signals, threads: int) -> Distances:
    """Ours, a row per task."""
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(lambda first: dtw_distances(first, many), one)))


def by_dtaidistance(inner: str) -> Block:
    """Its C library with OpenMP."""

    def block(one: Signals, many: Signals, threads: int) -> Distances:
        series = np.concatenate([one, many])
        with threadpool_limits(threads, user_api="openmp"):
            found = dtw_ndim.distance_matrix(
                series,
                block=((0, len(one)), (len(one), len(series))),
                inner_dist=inner,
                use_c=True,
                parallel=threads > 1,
            )
        return np.asarray(found[: len(one), len(one) :])

    return block


def by_aeon(one: Signals, many: Signals, threads: int) -> Distances:
    """Its compiled block; it puts leads before samples."""
    first, second = (np.ascontiguousarray(each.transpose(0, 2, 1)) for each in (one, many))
    return np.asarray(pairwise_distance(first, second, method="dtw", n_jobs=threads))


def by_tslearn(one: Signals, many: Signals, threads: int) -> Distances:
    """Its compiled block, shared by joblib."""
    return np.asarray(cdist_dtw(one, many, n_jobs=threads))


def tslearn_pair(one: Signals, other: Signals) -> float:
    """Its only way to [CF] eq. 7, which also returns the path."""
    return float(dtw_path_from_metric(one, other, metric="euclidean")[1])


def dtw_python_pair(one: Signals, other: Signals) -> float:
    """All steps of weight 1, and no path."""
    found = dtw(one, other, dist_method="euclidean", step_pattern="symmetric1", distance_only=True)
    return float(found.distance)


OWN, PYTHON = "its own", "Python's"
PEERS = (
    Peer("dtaidistance, inner_dist='euclidean'", "eq7", OWN, by_dtaidistance("euclidean")),
    Peer("tslearn, dtw_path_from_metric", "eq7", PYTHON, by_pairs(tslearn_pair)),
    Peer("dtw-python, symmetric1", "eq7", PYTHON, by_pairs(dtw_python_pair)),
    Peer("dtaidistance, squared", "root", OWN, by_dtaidistance("squared euclidean")),
    Peer("tslearn, cdist_dtw", "root", OWN, by_tslearn),
    Peer("aeon, pairwise_distance", "squares", OWN, by_aeon),
)


@dataclass(frozen=True)
class Line:
    """ms per pair and the ratio to ours, one for each of THREADS."""

    name: str
    measure: str
    threading: str
    milliseconds: tuple[float, ...]
    ratios: tuple[float, ...]


@dataclass(frozen=True)
class Size:
    """How many records: `one` against `many`; the floor takes whole vectors of them."""

    one: int
    many: int
    rounds: int


FULL, QUICK = Size(4, 64, 7), Size(2, 16, 2)


def check(one: Signals, many: Signals) -> None:
    """Stop unless every library computes what the table says of it."""
    compared: dict[str, Distances] = {}
    for peer in (*PEERS, Peer(OURS, "eq7", PYTHON, ours)):
        for threads in THREADS:
            values = peer.block(one.astype(np.float64), many.astype(np.float64), threads)
            kind, values = ("root", np.sqrt(values)) if peer.measure == "squares" else (peer.measure, values)
            apart = np.abs(values / compared.setdefault(kind, values) - 1).max()
            if not apart < SAME:
                raise SystemExit(
                    f"error: {peer.name} does not compute what is said of it: off by {apart:.2g}."
                )


def measure(subject: Subject, size: Size) -> list[Line]:
    """Time everything; ours is the first line, the floors are the last two."""
    signals = subject.records("pool", size.one + size.many)
    # The first records of a cohort are no better spread than the last: every so many is one of the few.
    few = np.linspace(0, len(signals) - 1, size.one).astype(int)
    one, many = signals[few], np.delete(signals, few, axis=0)
    check(one[:2], many[:3])
    rows = [Peer(OURS, "eq7", PYTHON, ours), *PEERS]
    rows += [
        Peer("floor: 12 differences, 12 multiply-adds, a root", "-", PYTHON, by_differences(one, many)),
        Peer("floor: 12 multiply-adds, a root", "-", PYTHON, by_products(one, many)),
    ]
    return [_line(peer, one, many, size) for peer in rows]


def _line(peer: Peer, one: NDArray[np.float32], many: NDArray[np.float32], size: Size) -> Line:
    # Peers compute in float64 and would convert each time.
    exact = [each.astype(np.float64) for each in (one, many)]
    milliseconds, ratios = [], []
    for threads in THREADS:
        runs = {OURS: lambda: ours(one, many, threads)}  # noqa: B023 - called at once
        if peer.name != OURS:
            runs[peer.name] = lambda: peer.block(exact[0], exact[1], threads)  # noqa: B023
        times = interleaved(runs, size.rounds)
        milliseconds.append(1000 * float(np.median(times[peer.name])) / (size.one * size.many))
        ratios.append(ratio(times[peer.name], times[OURS]))
    return Line(peer.name, peer.measure, peer.threading, tuple(milliseconds), tuple(ratios))


def grid(lines: Sequence[Line], size: Size) -> Grid:
    """A row per library."""
    columns = ["library", "computes [CF] eq. 7", "threads are"]
    for threads in THREADS:
        name = f"{threads} thread{'s' * (threads > 1)}"
        columns += [f"ms per pair, {name}", f"times ours, {name}"]
    rows = []
    for line in lines:
        cells = [line.name, MEASURES.get(line.measure, "-"), line.threading]
        for milliseconds, times in zip(line.milliseconds, line.ratios, strict=True):
            cells += [significant(milliseconds), significant(times)]
        rows.append(tuple(cells))
    note = (
        f"{size.one} records against {size.many} others, 1000 samples of 12 leads each, no window; median of"
        f" {size.rounds} rounds in which ours and the other take turns, and median of their ratios. [CF] eq. 7 is the"
        " sum of Euclidean norms along the path; what computes something else is shown for orientation. All distances"
        f" of a kind agree to {SAME:g}, which is checked first. The others compute in float64, ours in float32. The"
        " floors are the arithmetic of as many cells without the recursion, in our order of memory: as ours does it,"
        " and by the expanded square, which would lose digits. Threads are the library's own, or Python's that share"
        " the pairs."
    )
    return Grid("Time of a pair", tuple(columns), tuple(rows), note, texts=3)


def run(workspace: Path, quick: bool) -> tuple[list[Line], Grid]:
    """Measure, and the table of it."""
    size = QUICK if quick else FULL
    compile_beforehand(workspace)
    lines = measure(Subject.load(workspace), size)
    return lines, grid(lines, size)


def main() -> None:
    """Measure and print a table."""
    asked = options(__doc__)
    show([run(asked.workspace, asked.quick)[1]])


if __name__ == "__main__":
    main()
