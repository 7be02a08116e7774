"""Stage `prototypes`: typical records of each superclass, by DTW distance, embedding and clusters."""

import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, Sources, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.cohort import CohortParams
from tasks.params.prototypes import PrototypesParams
from tasks.params.reading import read_section
from tasks.params.runner import Runner, read_runner
from tasks.stage import OUT, digest, run, write_json
from veribeat.black_box import worst_margins
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.dtw.distances import Measure, distances_from, dtw_distances
from veribeat.dtw.squared import squared_distances
from veribeat.errors import InputError
from veribeat.plots.clusters import cluster_maps, silhouette_curves
from veribeat.plots.style import SIMULATED_BANNER, save_png
from veribeat.prototypes.clustering import TABLE, Clustering, ClusterSettings, cluster
from veribeat.prototypes.store import PrototypeSet, write_prototypes

MEASURES: dict[str, Measure] = {"euclidean": dtw_distances, "squared": squared_distances}


@dataclass(frozen=True)
class Candidates:
    """The records of one superclass that may become its prototypes."""

    rows: NDArray[np.int64]  # (N,), positions in the cohort
    ecg_ids: NDArray[np.int64]  # (N,)
    signals_mv: NDArray[np.float32]  # (N, 1000, 12)


@dataclass(frozen=True)
class DistanceWorker:
    """Takes the distances of one candidate at a time to those after it of its superclass."""

    sources: Sources
    rows: tuple[tuple[int, ...], ...]  # of the candidates of each superclass, positions in the cohort
    conditions: Path | None  # rules.parquet, where distances are of what rules are about
    distance: str  # a name in MEASURES

    def prepare(self) -> Work:
        """Load what distances are taken of, and number the candidates through."""
        explained, measure = Explained.load(self.sources), MEASURES[self.distance]
        classes = [_compared_mv(explained, np.array(rows, np.int64), self.conditions) for rows in self.rows]
        places = [(one, index) for one in classes for index in range(len(one))]

        def distances(item: int) -> NDArray[np.float64]:
            signals, index = places[item]
            return distances_from(signals, index, measure)[index + 1 :]

        return distances


def prototypes(
    out: Path,
    explained: Explained,
    params: PrototypesParams,
    conditions: Path | None,
    resume: Path,
    banner: str | None = None,
    runner: Runner = "local",
) -> None:
    """Write prototypes.h5, their table, the distances behind them, silhouettes.csv, prototypes.json and two figures.

    `conditions` is rules.parquet where clusters are to be of rules. `resume` keeps finished distances.
    """
    candidates = _candidates(explained, conditions, params.most_candidates)
    provenance = _provenance(explained, params, conditions)
    rows = tuple(tuple(each.rows.tolist()) for each in candidates.values())
    worker = DistanceWorker(explained.sources, rows, conditions, params.distance)
    matrices = _distances(candidates, worker, resume, runner)
    settings = ClusterSettings(
        dimensions=tuple(params.dimensions),
        clusters=tuple(params.clusters),
        smallest_class=params.smallest_class,
        smallest_cluster=params.smallest_cluster,
        seed=params.seed,
    )
    clusterings = {name: cluster(matrix, settings) for name, matrix in matrices.items()}

    found = _prototype_set(candidates, matrices, clusterings, provenance)
    write_prototypes(out / "prototypes.h5", found)
    _table(found).to_csv(out / "prototypes.csv", index=False, float_format="%.6f", lineterminator="\n")
    _write_distances(out / "distances.h5", candidates, matrices, clusterings)
    tried = [clustering.table.assign(superclass=name) for name, clustering in clusterings.items()]
    columns = ["superclass", *TABLE]
    pd.concat(tried)[columns].to_csv(
        out / "silhouettes.csv", index=False, float_format="%.6f", lineterminator="\n"
    )
    write_json(out / "prototypes.json", _metrics(explained, clusterings))
    (out / "figures").mkdir()
    save_png(silhouette_curves(clusterings, banner), out / "figures" / "silhouettes.png")
    save_png(cluster_maps(clusterings, banner), out / "figures" / "clusters.png")


def _candidates(explained: Explained, conditions: Path | None, most: int | None) -> dict[str, Candidates]:
    """The candidates of each superclass, at most so many; for clusters of rules only those that have a rule."""
    rows = explained.candidates()
    if most is not None:
        rows = _clearest(explained, rows, most)
    if conditions is not None:
        with_rule = pd.read_parquet(conditions, columns=["ecg_id"])["ecg_id"]
        rows = rows[np.isin(explained.ecg_ids(rows), with_rule)]
    classes = {
        name: rows[of_class]
        for name, of_class in zip(SUPERCLASSES, explained.true_labels(rows).T, strict=True)
    }
    return {
        name: Candidates(own, explained.ecg_ids(own), explained.signals_mv(own))
        for name, own in classes.items()
    }


def _compared_mv(
    explained: Explained, rows: NDArray[np.int64], conditions: Path | None
) -> NDArray[np.float32]:
    """What distances between the records at `rows` are taken of (N, 1000, 12): signals, or what rules see of them."""
    signals = explained.signals_mv(rows)
    if conditions is None:
        return signals
    table = pd.read_parquet(conditions, columns=["ecg_id", "sample", "lead"])
    ecg_ids = explained.ecg_ids(rows)
    return signals * _in_rules(ecg_ids, table[np.isin(table["ecg_id"], ecg_ids)])


def _clearest(explained: Explained, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Of the records of each superclass at `rows` those farthest from a decision boundary, ascending."""
    labels = explained.true_labels(rows)
    margins = worst_margins(explained.probabilities(rows), explained.black_box.thresholds, labels)
    order = np.argsort(-margins, kind="stable")
    chosen = [order[of_class[order]][:most] for of_class in labels.T]
    return np.sort(rows[np.concatenate(chosen)])


def _in_rules(ecg_ids: NDArray[np.int64], conditions: pd.DataFrame) -> NDArray[np.bool_]:
    """Where each record (N, 1000, 12) has a condition."""
    mask = np.zeros((len(ecg_ids), RECORD_SAMPLES, len(LEADS)), dtype=np.bool_)
    places = pd.Series(np.arange(len(ecg_ids)), index=ecg_ids)
    leads = conditions["lead"].map({lead: place for place, lead in enumerate(LEADS)})
    mask[places[conditions["ecg_id"]].to_numpy(), conditions["sample"].to_numpy(), leads.to_numpy()] = True
    return mask


def _distances(
    candidates: dict[str, Candidates], worker: DistanceWorker, resume: Path, runner: Runner
) -> dict[str, NDArray[np.float64]]:
    """The symmetric matrix (N, N) of each superclass."""
    counts = [len(each.ecg_ids) for each in candidates.values()]
    sizes = [count - index - 1 for count in counts for index in range(count)]
    results = Results(resume, sizes, np.dtype(np.float64))
    # The kernel lets go of Python's lock, and threads share what it compiles.
    flat = complete(results, worker, "prototypes, rows of distances", threads=True, runner=runner)
    matrices, start = {}, 0
    for name, count in zip(candidates, counts, strict=True):
        matrix = np.zeros((count, count))
        pairs = count * (count - 1) // 2
        matrix[np.triu_indices(count, 1)] = flat[start : start + pairs]
        matrices[name] = matrix + matrix.T
        start += pairs
    return matrices


def _prototype_set(
    candidates: dict[str, Candidates],
    matrices: dict[str, NDArray[np.float64]],
    clusterings: dict[str, Clustering],
    provenance: dict[str, str],
) -> PrototypeSet:
    parts = []
    for name, clustering in clusterings.items():
        for number, medoid in enumerate(clustering.medoids):
            members = np.flatnonzero(clustering.labels == number)
            others = members[members != medoid]
            parts.append(
                {
                    "signals_mv": candidates[name].signals_mv[medoid],
                    "ecg_ids": candidates[name].ecg_ids[medoid],
                    "superclasses": name,
                    "clusters": number,
                    "cluster_sizes": len(members),
                    "silhouettes": clustering.silhouettes[members].mean(),
                    "mean_distances": matrices[name][medoid, others].mean() if len(others) else 0.0,
                }
            )
    columns = {key: [part[key] for part in parts] for key in parts[0]} if parts else {}
    signals = np.array(columns.get("signals_mv", ()), np.float32).reshape(-1, RECORD_SAMPLES, len(LEADS))
    return PrototypeSet(
        signals_mv=signals,
        ecg_ids=np.array(columns.get("ecg_ids", ()), np.int64),
        superclasses=tuple(columns.get("superclasses", ())),
        clusters=np.array(columns.get("clusters", ()), np.int64),
        cluster_sizes=np.array(columns.get("cluster_sizes", ()), np.int64),
        silhouettes=np.array(columns.get("silhouettes", ()), np.float64),
        mean_distances=np.array(columns.get("mean_distances", ()), np.float64),
        provenance=provenance,
    )


def _provenance(explained: Explained, params: PrototypesParams, conditions: Path | None) -> dict[str, str]:
    """What the prototypes come from: digests of files by name, and the parameters."""
    return {
        **{
            file.name: digest(file)
            for file in (*explained.sources.files, *([conditions] if conditions else []))
        },
        "backbone": explained.classifier.backbone_name,
        "parameters": params.model_dump_json(),
    }


def _table(found: PrototypeSet) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "superclass": found.superclasses,
            "cluster": found.clusters,
            "ecg_id": found.ecg_ids,
            "cluster_size": found.cluster_sizes,
            "silhouette": found.silhouettes,
            "mean_distance_mv": found.mean_distances,
        }
    )


def _write_distances(
    path: Path,
    candidates: dict[str, Candidates],
    matrices: dict[str, NDArray[np.float64]],
    clusterings: dict[str, Clustering],
) -> None:
    """Write each superclass's candidates, their distances in mV, their embedding and their clusters."""
    with h5py.File(path, "w") as file:
        for name, matrix in matrices.items():
            group = file.create_group(name)
            group["ecg_id"] = candidates[name].ecg_ids
            group["distance_mv"] = matrix
            group["embedding"] = clusterings[name].embedding
            group["cluster"] = clusterings[name].labels.astype(np.int64)


def _metrics(explained: Explained, clusterings: dict[str, Clustering]) -> dict[str, dict[str, object]]:
    """Per superclass: records of the pool that have it, candidates, and what was chosen."""
    in_pool = explained.true_labels(explained.rows("pool")).sum(axis=0)
    return {
        name: {
            "pool": int(count),
            "candidates": len(clustering.labels),
            "prototypes": len(clustering.medoids),
            "dimensions": clustering.dimensions,
            "silhouette": round(float(clustering.silhouettes.mean()), 6) if clustering.dimensions else None,
        }
        for (name, clustering), count in zip(clusterings.items(), in_pool, strict=True)
    }


def main() -> None:
    """Run the stage for the arm named on the command line."""
    arm, cluster_on = sys.argv[1:]
    params, runner = read_section(PrototypesParams, "prototypes"), read_runner()
    if params.cluster_on != cluster_on:  # dvc.yaml declares the inputs of what it passes on
        raise InputError(
            "'prototypes.cluster_on' has changed: run 'veribeat dvc-yaml', then this stage again."
        )
    cohort = read_section(CohortParams, "cohort")
    conditions = OUT / "rules" / "rules.parquet" if params.cluster_on == "rules" else None
    run_resumable(
        "prototypes",
        arm,
        [params],
        lambda out, explained, resume: prototypes(
            out,
            explained,
            params,
            conditions,
            resume,
            SIMULATED_BANNER if cohort.simulated else None,
            runner,
        ),
        files=[conditions] if conditions else [],
    )


if __name__ == "__main__":
    run(main)
