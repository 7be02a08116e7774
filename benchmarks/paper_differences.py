"""Why our counterfactuals differ from [CF]'s: other readings of the search for a sparse mask, other prototypes, and the
shifts of temporal stability without warping.

WORKSPACE has run the stage `prototypes`. Queries and targets are those of the stage `counterfactuals`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tasks.counterfactual_settings import SHIFTS, measure_settings, search_settings, targets_of
from tasks.explained import Explained, Sources
from tasks.params.document import read_params
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.alignment import align
from veribeat.counterfactual.methods import DonorSets
from veribeat.counterfactual.published import table_3
from veribeat.counterfactual.query import Donors, Query, make_query
from veribeat.counterfactual.sparse import Signal, SparseSettings, candidate_masks, importance
from veribeat.counterfactual.stability import shifted, temporal_stability
from veribeat.counterfactual.targets import Labels, names_of
from veribeat.dtw.distances import dtw_distances
from veribeat.prototypes.clustering import ClusterSettings, cluster
from veribeat.prototypes.published import CLUSTERS, DIMENSIONS
from veribeat.prototypes.store import PrototypeSet, read_prototypes
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import from_units, to_units

Choice = Callable[[NDArray[np.bool_]], int]


def lowest(valid: NDArray[np.bool_]) -> int:
    """Ours: the sparsest valid mask of all; the fullest where none is."""
    return int(np.argmax(valid)) if valid.any() else len(valid) - 1


def downwards(valid: NDArray[np.bool_]) -> int:
    """From the fullest mask down until one is not valid."""
    failures = np.flatnonzero(~valid)
    return min(int(failures[-1]) + 1, len(valid) - 1) if len(failures) else 0


def bisected(valid: NDArray[np.bool_]) -> int:
    """As if validity rose with the ratio: "if successful, attempt a sparser solution; otherwise, increase"."""
    low, high = 0, len(valid) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if valid[middle] else (middle + 1, high)
    return low


READINGS: dict[str, tuple[Choice, bool]] = {
    "lowest valid ratio (ours)": (lowest, True),
    "bisection": (bisected, True),
    "down to the first failure": (downwards, True),
    "lowest, short segments removed after the check": (lowest, False),
}
"""Which ratio wins, and whether short segments are removed before validity is checked."""


@dataclass(frozen=True)
class Outcome:
    """One query, target, reading and kind of donor."""

    prototypes: str
    reading: str
    method: str
    target: str
    valid: bool
    share: float
    warped: float
    unwarped: float


def outcomes(
    name: str,
    query: Query,
    target: Labels,
    donors: dict[str, Signal],
    explained: Explained,
    search: SparseSettings,
    tolerance_mv: float,
) -> list[Outcome]:
    """What each reading makes of each donor."""
    model, found = explained.black_box, []
    sigma = explained.normalisation["std_mv"]
    for method, donor in donors.items():
        score = importance(query.signal_mv, donor, query.r_peaks, search)
        masks = candidate_masks(score, search)
        loose = candidate_masks(score, replace(search, shortest_segment=1))
        made = from_units(to_units(np.where(masks, donor, query.signal_mv)))
        valid = (model.labels(made) == target).all(axis=1)
        unclean = from_units(to_units(np.where(loose, donor, query.signal_mv)))
        valid_unclean = (model.labels(unclean) == target).all(axis=1)
        for reading, (choose, clean) in READINGS.items():
            place = choose(valid if clean else valid_unclean)
            signal = made[place]
            moved = shifted(signal, SHIFTS)
            rms = np.sqrt(np.square(moved - signal).mean()) / sigma
            found.append(
                Outcome(
                    name,
                    reading,
                    method,
                    names_of(target)[0],
                    bool(valid[place]),
                    float((np.abs(signal - query.signal_mv) > tolerance_mv).mean()),
                    temporal_stability(signal, SHIFTS, sigma) if reading.endswith("(ours)") else np.nan,
                    float(1 / (1 + rms)),
                )
            )
    return found


def as_in_paper(distances: Path, explained: Explained, seed: int) -> PrototypeSet:
    """Medoids of as many dimensions and clusters as [CF] 4.7.3 has, where there are enough candidates."""
    ecg_ids, superclasses = [], []
    with h5py.File(distances, "r") as file:
        for name in SUPERCLASSES:
            settings = ClusterSettings((DIMENSIONS[name],), (CLUSTERS[name],), 2, 0.0, seed)
            clustering = cluster(file[name]["distance_mv"][:], settings)
            ecg_ids += file[name]["ecg_id"][:][clustering.medoids].tolist()
            superclasses += [name] * len(clustering.medoids)
    places = {ecg_id: row for row, ecg_id in enumerate(explained.records["ecg_id"])}
    rows = np.array([places[ecg_id] for ecg_id in ecg_ids])
    count = len(rows)
    return PrototypeSet(
        explained.signals_mv(rows),
        np.array(ecg_ids),
        tuple(superclasses),
        *(np.zeros(count, kind) for kind in (np.int64, np.int64, np.float64, np.float64)),
        provenance={},
    )


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--queries", type=int, default=150, help="how many, spread evenly (default: 150)")
    options = parser.parse_args()
    params = read_params(options.workspace / "params.yaml")
    out, arm = options.workspace / "out", params.explain.arm
    if arm is None:
        raise SystemExit("error: 'explain.arm' names no arm.")
    explained = Explained.load(Sources.of_arm(arm, 1, out))
    search = search_settings(params.counterfactuals).sparse
    measure = measure_settings(params.counterfactuals, explained)
    tolerance_mv = measure.tolerance_sigma * measure.sigma_mv
    sets = {
        "ours": read_prototypes(out / "prototypes" / "prototypes.h5"),
        "[CF]'s d and k": as_in_paper(out / "prototypes" / "distances.h5", explained, params.prototypes.seed),
    }
    rows = explained.correctly_predicted("query")
    rows = rows[explained.true_labels(rows).sum(axis=1) == 1]
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, options.queries).astype(int))]
    found: list[Outcome] = []
    taken_from = {name: Donors(each) for name, each in sets.items()}
    for row in track(rows, "queries", console=Console(stderr=True)):
        (signal,) = explained.signals_mv(np.array([row]))
        query = make_query(signal, find_r_peaks(signal).samples, explained.black_box)
        for name, prototypes in sets.items():
            distances = dtw_distances(query.signal_mv, prototypes.signals_mv)
            for target in targets_of(query.labels, DonorSets(taken_from[name], taken_from[name])):
                places = taken_from[name].of_target(query, target)
                nearest = int(places[np.argmin(distances[places])])
                donors = {"sparse": prototypes.signals_mv[nearest]}
                aligned = align(donors["sparse"], taken_from[name].peaks(nearest), query.r_peaks)
                if aligned is not None:
                    donors["aligned_sparse"] = aligned
                found += outcomes(name, query, target, donors, explained, search, tolerance_mv)
    show(found, {name: len(each.ecg_ids) for name, each in sets.items()}, len(rows))


def show(found: list[Outcome], prototypes: dict[str, int], queries: int) -> None:
    """Print a row per method, set of prototypes and reading, and [CF]'s own."""
    columns = (
        "method",
        "prototypes",
        "reading",
        "validity, all",
        "targets alike",
        "share changed",
        "DTW",
        "unwarped",
    )
    table = Table(*columns, title=f"{queries} queries; the last two: temporal stability")
    keys = dict.fromkeys((each.method, each.prototypes, each.reading) for each in found)
    for method, name, reading in sorted(keys, key=lambda key: (key[0] != "sparse", key[1] != "ours")):
        part = [
            each for each in found if (each.method, each.prototypes, each.reading) == (method, name, reading)
        ]
        by_target = [[each.valid for each in part if each.target == target] for target in SUPERCLASSES]
        figures = (
            np.mean([each.valid for each in part]),
            np.mean([np.mean(valid) for valid in by_target if valid]),
            np.mean([each.share for each in part]),
            np.mean([each.warped for each in part]),
            np.mean([each.unwarped for each in part]),
        )
        cells = ("" if np.isnan(figure) else f"{figure:.3f}" for figure in figures)
        table.add_row(method, f"{name} ({prototypes[name]})", reading, *cells)
    paper = table_3().set_index(["metric", "method"])["paper"]
    for method in ("sparse", "aligned_sparse"):
        cells = (
            f"{paper[metric, method]:.3f}" for metric in ("validity", "share_changed", "temporal_stability")
        )
        validity, share, temporal = cells
        table.add_row(method, "[CF]'s own", "", validity, "", share, temporal, "")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
