"""Stage `counterfactuals`: what would have to change in each query for each other superclass, and how good that is."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, Sources, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.params.reading import read_section
from tasks.stage import OUT, run, write_json
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES, UNITS_PER_MV
from veribeat.counterfactual.evaluation import (
    Evaluated,
    EvaluationSettings,
    Metrics,
    QualityWeights,
    RealRecords,
    evaluate_query,
)
from veribeat.counterfactual.methods import METHODS, make_query
from veribeat.counterfactual.plausibility import amplitude_range
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.targets import Labels, initial_name, names_of, single_targets
from veribeat.prototypes.store import PrototypeSet, read_prototypes
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import to_units

SHIFTS = (-2, -1, 1, 2)
"""Samples ([CF] eq. 22)."""

METRICS = tuple(field.name for field in dataclasses.fields(Metrics))

ROW = np.dtype(
    [
        ("signal", np.int16, (RECORD_SAMPLES, len(LEADS))),
        ("target", np.int8),  # place in SUPERCLASSES
        ("method", np.int8),  # place in METHODS
        ("prototype", np.int32),  # place in the prototype set
        ("distance_mv", np.float64),
        ("keep_ratio", np.float64),
        ("note", "S100"),
        ("probabilities", np.float32, (len(SUPERCLASSES),)),
        ("metrics", np.float64, (len(METRICS),)),
    ]
)
"""One query, target and method."""

SUMMARY = ("validity", "share_changed", "noise_stability", "temporal_stability", "target_margin", "quality")
"""Metrics whose means are tracked, by method and target."""


@dataclass(frozen=True)
class CounterfactualWorker:
    """Explains one query at a time, by every method and for every target."""

    sources: Sources
    prototypes: Path
    params: CounterfactualsParams

    def prepare(self) -> Work:
        """Load the model, the queries, the prototypes and the real records to compare with."""
        explained = Explained.load(self.sources)
        model = explained.black_box
        prototypes = read_prototypes(self.prototypes)
        peaks = [find_r_peaks(signal).samples for signal in prototypes.signals_mv]
        search, measure = search_settings(self.params), measure_settings(self.params, explained)
        queries = explained.correctly_predicted("query")
        labels, ecg_ids = explained.true_labels(queries), explained.ecg_ids(queries)
        candidates = explained.candidates()
        real = {
            name: explained.signals_mv(candidates[explained.true_labels(candidates)[:, place]])
            for place, name in enumerate(SUPERCLASSES)
        }
        compared = RealRecords(
            amplitude_range(explained.signals, explained.rows("pool")),
            lambda target: real[names_of(target)[0]],
        )

        def explain(item: int) -> NDArray[np.void]:
            (signal,) = explained.signals_mv(queries[item : item + 1])
            evaluated = evaluate_query(
                make_query(signal, find_r_peaks(signal).samples, model),
                targets_of(labels[item], prototypes),
                prototypes,
                peaks,
                model,
                search,
                measure,
                compared,
                seed=(self.params.seed, int(ecg_ids[item])),
            )
            rows = np.zeros(len(evaluated), ROW)
            for row, each in zip(rows, evaluated, strict=True):
                _fill(row, each)
            return rows

        return explain


def search_settings(params: CounterfactualsParams) -> SparseSettings:
    """How sparse masks are searched for."""
    sparse = params.sparse
    return SparseSettings(
        keep_ratios=tuple(sparse.keep_ratios),
        shortest_segment=sparse.shortest_segment,
        r_peak_radius=sparse.r_peak_radius,
        r_peak_weight=sparse.r_peak_weight,
    )


def measure_settings(params: CounterfactualsParams, explained: Explained) -> EvaluationSettings:
    """How counterfactuals are measured."""
    return EvaluationSettings(
        sigma_mv=explained.normalisation["std_mv"],
        tolerance_sigma=params.changed_share_of_sigma,
        noise_levels=tuple(params.noise_levels),
        noise_draws=params.noise_draws,
        shifts=SHIFTS,
        weights=QualityWeights(**params.quality.model_dump()),
    )


def targets_of(labels: Labels, prototypes: PrototypeSet) -> tuple[Labels, ...]:
    """The superclasses with prototypes that a query with these labels does not have, each as a label set."""
    offered = [name for name in prototypes.superclasses if name not in names_of(labels)]
    return single_targets(labels, offered)


def counterfactuals(
    out: Path, explained: Explained, prototypes: Path, params: CounterfactualsParams, resume: Path
) -> None:
    """Write counterfactuals.h5 (signals), counterfactuals.parquet (metrics, same order) and counterfactuals.json.

    Queries are the records of the query folds whose predicted label set is the recorded one; targets the superclasses
    that a query does not have. `prototypes` is the file of the stage before; `resume` keeps finished queries.
    """
    found_prototypes = read_prototypes(prototypes)
    queries = explained.correctly_predicted("query")
    labels, ecg_ids = explained.true_labels(queries), explained.ecg_ids(queries)
    sizes = [len(METHODS) * len(targets_of(each, found_prototypes)) for each in labels]
    worker = CounterfactualWorker(explained.sources, prototypes, params)
    found = complete(Results(resume, sizes, ROW), worker, "counterfactuals, queries")

    table = pd.DataFrame(
        {
            "ecg_id": np.repeat(ecg_ids, sizes),
            "initial": np.repeat(np.array([initial_name(names_of(each)) for each in labels], object), sizes),
            "target": np.array(SUPERCLASSES, object)[found["target"]],
            "method": np.array(METHODS, object)[found["method"]],
            "prototype_ecg_id": found_prototypes.ecg_ids[found["prototype"]],
            **{name: found[name] for name in ("distance_mv", "keep_ratio")},
            "note": [note.decode() for note in found["note"]],
            **{f"p_{name}": found["probabilities"][:, place] for place, name in enumerate(SUPERCLASSES)},
            **{name: found["metrics"][:, place] for place, name in enumerate(METRICS)},
        }
    )
    table.to_parquet(out / "counterfactuals.parquet", index=False)
    _write_signals(out / "counterfactuals.h5", found["signal"], table)
    write_json(out / "counterfactuals.json", _metrics(table, labels))


def _fill(row: np.void, each: Evaluated) -> None:
    found = each.counterfactual
    row["signal"] = to_units(found.signal_mv)
    row["target"] = SUPERCLASSES.index(names_of(found.target)[0])
    row["method"] = METHODS.index(found.method)
    row["prototype"] = found.prototype
    row["distance_mv"] = found.distance
    row["keep_ratio"] = found.keep_ratio
    note = found.note.encode()
    if len(note) > row["note"].itemsize:
        raise ValueError(f"too long to be kept: {found.note}")
    row["note"] = note
    row["probabilities"] = found.probabilities
    row["metrics"] = dataclasses.astuple(each.metrics)


def _write_signals(path: Path, signals: NDArray[np.int16], table: pd.DataFrame) -> None:
    """Write counterfactuals (rows, 1000, 12) and their index, in one pass: same input, same bytes."""
    with h5py.File(path, "w") as file:
        file["ecg_id"] = table["ecg_id"].to_numpy(dtype=np.int64)
        for name in ("target", "method"):
            file[name] = table[name].to_numpy(dtype="S16")
        settings = {
            "chunks": (1, *signals.shape[1:]),
            "compression": "gzip",
            "compression_opts": 1,
            "shuffle": True,
        }
        stored = file.create_dataset("signals", signals.shape, np.int16, **(settings if len(signals) else {}))
        for row, signal in enumerate(signals):
            stored[row] = signal
        stored.attrs["axes"] = "row, sample, lead"
        stored.attrs["leads"] = list(LEADS)
        stored.attrs["units_per_mv"] = UNITS_PER_MV


def _metrics(table: pd.DataFrame, labels: NDArray[np.bool_]) -> dict[str, object]:
    """Number of queries, and means over those with one superclass, by method: over all targets, and for each."""
    single = table[~table["initial"].str.contains("+", regex=False)]
    single_labels = int((labels.sum(axis=1) == 1).sum())
    means: dict[str, object] = {"queries": len(labels), "single_label_queries": single_labels}
    for method in METHODS:
        of_method = single[single["method"] == method]
        parts = {"all": of_method, **dict(list(of_method.groupby("target")))}
        means[method] = {
            name: {metric: round(float(part[metric].mean()), 6) for metric in SUMMARY}
            for name, part in parts.items()
            if len(part)
        }
    return means


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (arm,) = sys.argv[1:]
    params = read_section(CounterfactualsParams, "counterfactuals")
    prototypes = OUT / "prototypes" / "prototypes.h5"
    run_resumable(
        "counterfactuals",
        arm,
        [params],
        lambda out, explained, resume: counterfactuals(out, explained, prototypes, params, resume),
        files=[prototypes],
    )


if __name__ == "__main__":
    run(main)
