"""Stage `counterfactuals`: what would have to change in each query for each other superclass, and how good that is."""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.counterfactual_settings import (
    measure_settings,
    read_sources,
    search_settings,
    targets_of,
    witness_of,
)
from tasks.explained import Explained, Sources, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.params.explain import ExplainParams
from tasks.params.reading import read_section
from tasks.params.runner import Runner, read_runner
from tasks.params.train import ComputeParams
from tasks.real_ranges import RANGES, read_ranges
from tasks.stage import OUT, run, write_json
from veribeat.black_box import BlackBox
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES, UNITS_PER_MV
from veribeat.counterfactual.evaluation import (
    Evaluated,
    Metrics,
    RealRecords,
    evaluate_query,
)
from veribeat.counterfactual.methods import METHODS
from veribeat.counterfactual.query import make_query
from veribeat.counterfactual.targets import initial_name, names_of
from veribeat.errors import InputError
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import to_units

METRICS = tuple(field.name for field in dataclasses.fields(Metrics))

ROW = np.dtype(
    [
        ("signal", np.int16, (RECORD_SAMPLES, len(LEADS))),
        ("target", np.int8),  # place in SUPERCLASSES
        ("method", np.int8),  # place in METHODS
        ("prototype", np.int32),  # place in the set that the method takes from
        ("distance_mv", np.float64),
        ("keep_ratio", np.float64),
        ("note", "S200"),
        ("edits", "S400"),  # names of edited waves
        ("margin", np.float64),
        ("searched", np.int32),
        ("forwards", np.int32),
        ("probabilities", np.float32, (len(SUPERCLASSES),)),
        ("metrics", np.float64, (len(METRICS),)),
    ]
)
"""One query, target and method."""

SUMMARY = (
    "validity",
    "share_changed",
    "noise_stability",
    "temporal_stability",
    "shift_kept",
    "target_margin",
    "quality",
    "witness_reached",
)
"""Metrics whose means are tracked, by method and target."""


@dataclass(frozen=True)
class CounterfactualWorker:
    """Explains one query at a time, by every method and for every target."""

    files: Sources
    witness: Sources | None
    chain: Path  # the folder that holds the outputs of the stages before
    params: CounterfactualsParams

    def prepare(self) -> Work:
        """Load the model, the queries, what is taken from, and the real records to compare with."""
        explained = Explained.load(self.files)
        model = explained.black_box
        witness = None if self.witness is None else witness_of(self.witness)
        sources = read_sources(self.chain, explained)
        search, measure = search_settings(self.params), measure_settings(self.params, explained)
        queries = explained.correctly_predicted("query")
        labels, ecg_ids = explained.true_labels(queries), explained.ecg_ids(queries)
        candidates = explained.candidates()
        real = {
            name: explained.signals_mv(candidates[explained.true_labels(candidates)[:, place]])
            for place, name in enumerate(SUPERCLASSES)
        }
        compared = RealRecords(
            *read_ranges(self.chain / "donors" / RANGES), lambda target: real[names_of(target)[0]]
        )

        def explain(item: int) -> NDArray[np.void]:
            (signal,) = explained.signals_mv(queries[item : item + 1])
            evaluated = evaluate_query(
                make_query(signal, find_r_peaks(signal).samples, model),
                targets_of(labels[item], sources),
                self.params.methods,
                sources,
                model,
                search,
                measure,
                compared,
                seed=(self.params.seed, int(ecg_ids[item])),
                witness=witness,
            )
            rows = np.zeros(len(evaluated), ROW)
            for row, each in zip(rows, evaluated, strict=True):
                _fill(row, each)
            return rows

        return explain


def counterfactuals(
    out: Path,
    explained: Explained,
    chain: Path,
    params: CounterfactualsParams,
    resume: Path,
    witness: Sources | None = None,
    runner: Runner = "local",
) -> None:
    """Write counterfactuals.h5 (signals), counterfactuals.parquet (metrics, same order) and counterfactuals.json.

    Queries are the records of the query folds whose predicted label set is the recorded one; targets the superclasses
    that a query does not have. `chain` is the folder that holds the outputs of the stages before; `resume` keeps
    finished queries; `witness` is asked what it sees.
    """
    sources = read_sources(chain, explained)
    queries = explained.correctly_predicted("query")
    labels, ecg_ids = explained.true_labels(queries), explained.ecg_ids(queries)
    sizes = [len(params.methods) * len(targets_of(each, sources)) for each in labels]
    worker = CounterfactualWorker(explained.sources, witness, chain, params)
    found = complete(Results(resume, sizes, ROW), worker, "counterfactuals, queries", runner=runner)

    methods = np.array(METHODS, object)[found["method"]]
    table = pd.DataFrame(
        {
            "ecg_id": np.repeat(ecg_ids, sizes),
            "initial": np.repeat(np.array([initial_name(names_of(each)) for each in labels], object), sizes),
            "target": np.array(SUPERCLASSES, object)[found["target"]],
            "method": methods,
            "prototype_ecg_id": [
                int(sources.of(method).records.ecg_ids[place])
                for method, place in zip(methods, found["prototype"], strict=True)
            ],
            **{name: found[name] for name in ("distance_mv", "keep_ratio", "margin", "searched", "forwards")},
            **{name: [text.decode() for text in found[name]] for name in ("note", "edits")},
            **{f"p_{name}": found["probabilities"][:, place] for place, name in enumerate(SUPERCLASSES)},
            **{name: found["metrics"][:, place] for place, name in enumerate(METRICS)},
        }
    )
    table.to_parquet(out / "counterfactuals.parquet", index=False)
    _write_signals(out / "counterfactuals.h5", found["signal"], table)
    ceiling = None if witness is None else _ceiling(explained, queries, witness_of(witness))
    write_json(
        out / "counterfactuals.json",
        _metrics(table, labels, params.methods) | {"witness_of_real_records": ceiling},
    )


def _fill(row: np.void, each: Evaluated) -> None:
    found = each.counterfactual
    row["signal"] = to_units(found.signal_mv)
    row["target"] = SUPERCLASSES.index(names_of(found.target)[0])
    row["method"] = METHODS.index(found.method)
    row["prototype"] = found.prototype
    row["distance_mv"] = found.distance
    row["keep_ratio"] = found.keep_ratio
    for name, text in (("note", found.note), ("edits", ", ".join(map(str, found.waves)))):
        if len(text.encode()) > ROW[name].itemsize:
            raise ValueError(f"too long to be kept: {text}")
        row[name] = text.encode()
    row["margin"], row["searched"], row["forwards"] = found.margin, found.searched, found.forwards
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


def _metrics(table: pd.DataFrame, labels: NDArray[np.bool_], methods: Sequence[str]) -> dict[str, object]:
    """Number of queries, and means over those with one superclass, by method: over all targets, and for each."""
    single = table[~table["initial"].str.contains("+", regex=False)]
    single_labels = int((labels.sum(axis=1) == 1).sum())
    means: dict[str, object] = {"queries": len(labels), "single_label_queries": single_labels}
    for method in methods:
        of_method = single[single["method"] == method]
        parts = {"all": of_method, **dict(list(of_method.groupby("target")))}
        means[method] = {
            name: {
                metric: round(float(part[metric].mean()), 6)
                for metric in SUMMARY
                if part[metric].notna().any()
            }
            for name, part in parts.items()
            if len(part)
        }
    return means


def _ceiling(
    explained: Explained, queries: NDArray[np.int64], witness: BlackBox
) -> dict[str, dict[str, float]]:
    """What the witness says of real queries that the model gets right, by superclass: more is not to be hoped for."""
    labels = explained.true_labels(queries)
    single = labels.sum(axis=1) == 1
    queries, labels = queries[single], labels[single]
    seen = witness.labels(explained.signals_mv(queries)) if len(queries) else labels
    return {
        name: {
            "records": int(labels[:, place].sum()),
            "witness_reached": round(float((seen == labels).all(axis=1)[labels[:, place]].mean()), 6),
            "witness_present": round(float(seen[labels[:, place], place].mean()), 6),
        }
        for place, name in enumerate(SUPERCLASSES)
        if labels[:, place].any()
    }


def main() -> None:
    """Run the stage for the arm, and the witness if there is one, named on the command line."""
    arm, *others = sys.argv[1:]
    params, runner = read_section(CounterfactualsParams, "counterfactuals"), read_runner()
    explain = read_section(ExplainParams, "explain")
    if others != ([] if explain.witness is None else [explain.witness]):
        raise InputError("'explain.witness' has changed: run 'veribeat dvc-yaml', then this stage again.")
    threads = read_section(ComputeParams, "compute").threads
    witness = None if explain.witness is None else Sources.of_arm(explain.witness, threads)
    taken_from = [OUT / "prototypes" / "prototypes.h5", OUT / "donors" / "donors.h5", OUT / "donors" / RANGES]
    of_witness = () if witness is None else witness.of_classifier
    run_resumable(
        "counterfactuals",
        arm,
        [params],
        lambda out, explained, resume: counterfactuals(out, explained, OUT, params, resume, witness, runner),
        files=[*taken_from, *of_witness],
    )


if __name__ == "__main__":
    run(main)
