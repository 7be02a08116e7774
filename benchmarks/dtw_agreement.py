"""How exact and how fast the DTW kernel is: random pairs of real records, against dtaidistance in float64.

WORKSPACE has run the stages `ingest` and `split`; the records are those of its pool.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from dtaidistance import dtw_ndim
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from veribeat.dtw.distances import dtw_distances, pairwise_distances
from veribeat.signal.stored_units import from_units

TIMED = 129
"""Records whose pairs are timed: 8,256."""


def milliseconds(signals_mv: NDArray[np.float32], workers: int) -> float:
    """Wall time per pair, all against all."""
    started = time.perf_counter()
    pairwise_distances(signals_mv, workers)
    return 1000 * (time.perf_counter() - started) / (len(signals_mv) * (len(signals_mv) - 1) / 2)


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    roles = pd.read_parquet(options.workspace / "out" / "split" / "roles.parquet")
    stored = np.load(options.workspace / "out" / "ingest" / "signals.npy", mmap_mode="r")
    pool = roles.loc[roles["pool"], "row"].to_numpy()
    generator = np.random.default_rng(options.seed)
    pairs = [generator.choice(pool, 2, replace=False) for _ in range(options.pairs)]

    ours, theirs = [], []
    for one, other in (from_units(stored[np.sort(pair)]) for pair in pairs):
        ours.append(dtw_distances(one, other[None])[0])
        theirs.append(
            dtw_ndim.distance(
                one.astype(np.float64), other.astype(np.float64), inner_dist="euclidean", use_c=True
            )
        )
    apart = np.abs(np.subtract(ours, theirs))
    timed = from_units(stored[np.sort(generator.choice(pool, TIMED, replace=False))])

    table = Table("DTW of [CF] eq. 7", str(options.workspace))
    table.add_row("pairs compared", str(len(pairs)))
    table.add_row("distances, median and largest", f"{np.median(theirs):.1f}, {max(theirs):.1f} mV")
    table.add_row("largest difference", f"{apart.max():.2g} mV")
    table.add_row("largest relative difference", f"{(apart / theirs).max():.2g}")
    for workers in (1, 2):
        table.add_row(f"per pair, threads: {workers}", f"{milliseconds(timed, workers):.3f} ms")
    Console().print(table)


if __name__ == "__main__":
    main()
