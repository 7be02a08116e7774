"""Stage `donors`: records that our counterfactuals may take from, and what real records look like."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, Sources
from tasks.params.donors import DonorsParams
from tasks.params.reading import read_section
from tasks.params.train import ComputeParams
from tasks.real_ranges import RANGES, write_ranges
from tasks.stage import OUT, digest, output_folder, run, write_json
from veribeat.black_box import worst_margins
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.dtw.distances import pairwise_distances
from veribeat.metrics.thresholds import predict_labels
from veribeat.prototypes.candidates import are_candidates
from veribeat.prototypes.clustering import ClusterSettings, cluster
from veribeat.prototypes.store import PrototypeSet, write_prototypes

DIMENSIONS = tuple(range(2, 11))
"""Of the embedding, to choose from by silhouette, as [CF] 4.7.3."""


def donors(out: Path, explained: Explained, params: DonorsParams) -> None:
    """Write donors.h5, their table donors.csv, donors.json and real_ranges.json."""
    rows = explained.rows(params.role)
    true, probabilities = explained.true_labels(rows), explained.probabilities(rows)
    thresholds = explained.black_box.thresholds
    predicted = predict_labels(probabilities, thresholds)
    exact = are_candidates(true, predicted)
    # Far from every decision boundary: what is taken from such a record carries the prediction with it.
    margins = worst_margins(probabilities, thresholds, true)
    parts, counts = [], {}
    for place, name in enumerate(SUPERCLASSES):
        fits = exact & true[:, place] if params.predicted == "exact" else true[:, place] & predicted[:, place]
        clearest = np.flatnonzero(fits)[np.argsort(-margins[fits], kind="stable")[: params.candidates]]
        counts[name] = {"candidates": int(fits.sum())}
        parts.append(_of_class(name, explained, rows[np.sort(clearest)], params))
    found = _joined(parts, _provenance(explained, params))
    for name in SUPERCLASSES:
        counts[name]["donors"] = len(found.of(name))
    write_prototypes(out / "donors.h5", found)
    table = pd.DataFrame(
        {
            "superclass": found.superclasses,
            "ecg_id": found.ecg_ids,
            "cluster_size": found.cluster_sizes,
            "mean_distance_mv": found.mean_distances,
        }
    )
    table.to_csv(out / "donors.csv", index=False, float_format="%.6f", lineterminator="\n")
    write_json(out / "donors.json", counts)
    write_ranges(out / RANGES, explained, params.intervals_from)


def _of_class(
    name: str, explained: Explained, candidates: NDArray[np.int64], params: DonorsParams
) -> PrototypeSet:
    """The donors of one superclass; none without candidates."""
    signals, ecg_ids = explained.signals_mv(candidates), explained.ecg_ids(candidates)
    distances = pairwise_distances(signals)
    medoids, labels = np.arange(len(candidates)), np.arange(len(candidates))
    if len(candidates) > params.records:
        settings = ClusterSettings(DIMENSIONS, (params.records,), params.records, 0.0, params.seed)
        clustering = cluster(distances, settings)
        medoids, labels = clustering.medoids, clustering.labels
    sizes = np.bincount(labels, minlength=len(medoids)).astype(np.int64)
    within = [distances[medoid, labels == number].sum() for number, medoid in enumerate(medoids)]
    return PrototypeSet(
        signals_mv=signals[medoids],
        ecg_ids=ecg_ids[medoids],
        superclasses=(name,) * len(medoids),
        clusters=np.arange(len(medoids), dtype=np.int64),
        cluster_sizes=sizes,
        silhouettes=np.full(len(medoids), np.nan),
        mean_distances=np.array(within, dtype=np.float64) / np.maximum(sizes - 1, 1),
        provenance={},
    )


def _joined(parts: list[PrototypeSet], provenance: dict[str, str]) -> PrototypeSet:
    return PrototypeSet(
        signals_mv=np.concatenate([part.signals_mv for part in parts]).reshape(
            -1, RECORD_SAMPLES, len(LEADS)
        ),
        ecg_ids=np.concatenate([part.ecg_ids for part in parts]),
        superclasses=tuple(name for part in parts for name in part.superclasses),
        clusters=np.concatenate([part.clusters for part in parts]),
        cluster_sizes=np.concatenate([part.cluster_sizes for part in parts]),
        silhouettes=np.concatenate([part.silhouettes for part in parts]),
        mean_distances=np.concatenate([part.mean_distances for part in parts]),
        provenance=provenance,
    )


def _provenance(explained: Explained, params: DonorsParams) -> dict[str, str]:
    return {
        **{file.name: digest(file) for file in explained.sources.files},
        "backbone": explained.classifier.backbone_name,
        "parameters": params.model_dump_json(),
    }


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (arm,) = sys.argv[1:]
    params = read_section(DonorsParams, "donors")
    sources = Sources.of_arm(arm, read_section(ComputeParams, "compute").threads, OUT)
    with output_folder("donors") as out:
        donors(out, Explained.load(sources), params)


if __name__ == "__main__":
    run(main)
