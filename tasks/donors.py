"""Stage `donors`: records that our counterfactuals may take from, and what real records look like."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, Sources
from tasks.params.donors import DonorsParams
from tasks.params.reading import read_section
from tasks.params.train import ComputeParams
from tasks.stage import OUT, digest, output_folder, run, write_json
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.counterfactual.plausibility import (
    INTERVALS,
    AmplitudeRange,
    IntervalRange,
    amplitude_range,
    interval_range,
)
from veribeat.dtw.distances import pairwise_distances
from veribeat.errors import InputError
from veribeat.prototypes.candidates import are_candidates
from veribeat.prototypes.clustering import ClusterSettings, cluster
from veribeat.prototypes.store import PrototypeSet, write_prototypes

DIMENSIONS = tuple(range(2, 11))
"""Of the embedding, to choose from by silhouette, as [CF] 4.7.3."""

RANGES = "real_ranges.json"


def donors(out: Path, explained: Explained, params: DonorsParams) -> None:
    """Write donors.h5, their table donors.csv, donors.json and real_ranges.json."""
    rows = explained.rows(params.role)
    true, predicted = explained.true_labels(rows), explained.predicted_labels(rows)
    exact = are_candidates(true, predicted)
    parts, counts = [], {}
    for place, name in enumerate(SUPERCLASSES):
        fits = exact & true[:, place] if params.predicted == "exact" else true[:, place] & predicted[:, place]
        candidates = rows[fits]
        counts[name] = {"candidates": len(candidates)}
        parts.append(_of_class(name, explained, _drawn(candidates, params, place), params))
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


def write_ranges(path: Path, explained: Explained, intervals_from: int) -> None:
    """Write the amplitudes and intervals of the pool's records."""
    pool = explained.rows("pool")
    amplitudes = amplitude_range(explained.signals, pool)
    between = interval_range(explained.signals_mv(pool[:intervals_from]))
    content = {
        "amplitudes_mv": {
            lead: [float(low), float(high)]
            for lead, low, high in zip(LEADS, amplitudes.low_mv, amplitudes.high_mv, strict=True)
        },
        "intervals_samples": {
            name: [round(float(low), 3), round(float(high), 3)]
            for name, low, high in zip(INTERVALS, between.low, between.high, strict=True)
        },
    }
    write_json(path, content)


def read_ranges(path: Path) -> tuple[AmplitudeRange, IntervalRange]:
    """What `write_ranges` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        amplitudes = np.array([content["amplitudes_mv"][lead] for lead in LEADS], dtype=np.float64)
        between = np.array([content["intervals_samples"][name] for name in INTERVALS], dtype=np.float64)
        return AmplitudeRange(*amplitudes.T), IntervalRange(*between.T)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or damaged ({error}): run 'veribeat run' again.") from error


def _drawn(candidates: NDArray[np.int64], params: DonorsParams, place: int) -> NDArray[np.int64]:
    """At most as many as the parameters say, in the order of the cohort."""
    if len(candidates) <= params.candidates:
        return candidates
    generator = np.random.default_rng((params.seed, place))
    return np.sort(generator.choice(candidates, params.candidates, replace=False))


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
