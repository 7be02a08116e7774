"""Published counterfactual methods beside our own: same model, same queries, same evaluation.

WORKSPACE has run the stage `donors`. Queries are the records of one role, with one superclass that is predicted and
nothing else; targets are the other four. See `peers` for the methods.
"""

import argparse
import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from peers.base import NO_DONOR, Pool
from peers.every import PEERS, explain_by_peers
from peers.ledger import KEYS, RUN, Ledger
from peers.wachter import WachterSettings
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from models.backbones.base import Backbone
from models.black_box import black_box
from models.bundle import Classifier
from tasks.counterfactual_settings import measure_settings
from tasks.explained import Explained, Sources
from tasks.params.document import read_params
from tasks.real_ranges import RANGES, read_ranges
from veribeat.counterfactual.evaluation import Metrics, RealRecords, evaluate
from veribeat.counterfactual.query import Counterfactual, Query, make_query
from veribeat.counterfactual.stability import draw_noise
from veribeat.counterfactual.targets import names_of, single_targets
from veribeat.errors import InputError
from veribeat.signal.r_peaks import find_r_peaks

TARGETS = 4
TOGETHER = 4
"""Queries whose gradient descents share a batch."""

JOINTS = ("changed_segments", "joint_jump_mv")
METRICS = tuple(field.name for field in dataclasses.fields(Metrics))

SHOWN = {
    "share changed, mean": ("share_changed", "mean"),
    "share changed, median": ("share_changed", "median"),
    "rms, mV": ("rms_mv", "mean"),
    "noise stability": ("noise_stability", "mean"),
    "shift kept": ("shift_kept", "mean"),
    "joint jump, mV": ("joint_jump_mv", "mean"),
    "limb leads disagree, mV": ("limb_lead_residual_mv", "mean"),
    "nearest real, mV": ("nearest_real_mv", "mean"),
}
"""Rows of the table below validity: a metric, and what is taken of it over all queries and targets."""


@dataclass(frozen=True)
class Bench:
    """What all queries share."""

    explained: Explained
    pool: Pool
    settings: WachterSettings
    evaluate: Callable[[int, Query, Counterfactual], Metrics]

    def rows(self, row: int, query: Query, found: Sequence[Counterfactual]) -> list[dict[str, object]]:
        """What the ledger keeps of one query's counterfactuals."""
        (ecg_id,) = self.explained.ecg_ids(np.array([row])).tolist()
        lines: list[dict[str, object]] = []
        for each in found:
            line: dict[str, object] = {
                "ecg_id": ecg_id,
                "target": names_of(each.target)[0],
                "method": each.method,
                "initial": names_of(query.labels)[0],
                "note": each.note,
                **dataclasses.asdict(self.evaluate(ecg_id, query, each)),
            }
            if each.prototype == NO_DONOR:
                # Where an arbitrary change begins and ends is no joint of two recordings.
                line |= dict.fromkeys(JOINTS, np.nan)
            lines.append(line)
        return lines


def make_bench(workspace: Path, arm: str, witness: Path | None) -> Bench:
    """Load the model, the pool and the evaluation as the stage `counterfactuals` has it."""
    params = read_params(workspace / "params.yaml").counterfactuals
    explained = Explained.load(Sources.of_arm(arm, 1, workspace / "out"))
    candidates = explained.candidates()
    pool = Pool(explained.signals_mv(candidates), explained.true_labels(candidates))
    measure = measure_settings(params, explained)
    ranges = read_ranges(workspace / "out" / "donors" / RANGES)
    compared = RealRecords(*ranges, lambda target: pool.signals_mv[(pool.labels == target).all(axis=1)])
    second = None
    if witness is not None:
        classifier = Classifier.load(witness)
        second = black_box(classifier.backbone, np.array(classifier.thresholds))

    def evaluated(ecg_id: int, query: Query, found: Counterfactual) -> Metrics:
        noise = draw_noise(
            len(measure.noise_levels), measure.noise_draws, query.signal_mv.shape, (params.seed, ecg_id)
        )
        return evaluate(query, found, noise, compared, explained.black_box, measure, second)

    return Bench(explained, pool, WachterSettings(measure.sigma_mv), evaluated)


def queries_of(explained: Explained, role: str, limit: int | None) -> NDArray[np.int64]:
    """Rows to explain, in an order drawn once: a larger limit adds to those of a smaller one."""
    rows = explained.correctly_predicted(role)
    rows = rows[explained.true_labels(rows).sum(axis=1) == 1]
    drawn: NDArray[np.int64] = np.random.default_rng(1).permutation(rows)[:limit]
    return drawn


def digest_of(bench: Bench, workspace: Path, witness: Path | None) -> str:
    """What results depend on: files of the arm and the witness, parameters, this benchmark's code."""
    files = [*bench.explained.sources.files, workspace / "params.yaml"]
    files += [] if witness is None else [witness / "classifier.json", witness / "model.pt"]
    files += [Path(__file__), *sorted((Path(__file__).parent / "peers").glob("*.py"))]
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def run(bench: Bench, rows: NDArray[np.int64], ledger: Ledger, console: Console) -> None:
    """Explain and measure all of `rows` that the ledger does not have."""
    explained, model, backbone = (
        bench.explained,
        bench.explained.black_box,
        bench.explained.classifier.backbone,
    )
    if not isinstance(backbone, Backbone):
        raise TypeError(f"{type(backbone).__name__} has no features to make an activation map of")
    finished = ledger.finished
    pending = [row for row in rows.tolist() if int(explained.ecg_ids(np.array([row]))[0]) not in finished]
    with Progress(console=console) as progress:
        task = progress.add_task("queries", total=len(rows), completed=len(rows) - len(pending))
        for first in range(0, len(pending), TOGETHER):
            chunk = pending[first : first + TOGETHER]
            signals = explained.signals_mv(np.array(chunk))
            queries = [make_query(signal, find_r_peaks(signal).samples, model) for signal in signals]
            targets = [single_targets(query.labels) for query in queries]
            explanations = explain_by_peers(queries, targets, bench.pool, backbone, model, bench.settings)
            for row, query, found in zip(chunk, queries, explanations, strict=True):
                ledger.append(bench.rows(row, query, found))
                progress.advance(task)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Figures by peer: a row per figure, a column per peer; macro is the mean over targets of their means."""
    methods = table.groupby("method")

    def macro(metric: str) -> pd.Series:
        return table.groupby(["method", "target"])[metric].mean().groupby("method").mean()

    figures = {"validity, micro": methods["validity"].mean(), "validity, macro": macro("validity")}
    for name, (metric, statistic) in SHOWN.items():
        figures[name] = methods[metric].agg(statistic)
    if table["witness_reached"].notna().any():
        figures["witness sees just the target, micro"] = methods["witness_reached"].mean()
        figures["witness sees just the target, macro"] = macro("witness_reached")
        figures["witness sees the target, micro"] = methods["witness_present"].mean()
        figures["witness sees the target, macro"] = macro("witness_present")
    return pd.DataFrame(figures).T[list(PEERS)]


def show(figures: pd.DataFrame, title: str) -> None:
    """Print the table."""
    table = Table("", *figures.columns, title=title)
    for name, values in figures.iterrows():
        table.add_row(str(name), *("" if np.isnan(value) else f"{value:.3f}" for value in values))
    Console(width=140).print(table)


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--arm", default="baseline")
    parser.add_argument("--role", default="query", choices=("query", "validation"), help="whose records")
    parser.add_argument("--limit", type=int, help="how many queries (default: all)")
    parser.add_argument("--out", type=Path, default=Path("counterfactual_peers.csv"), help="results so far")
    parser.add_argument("--witness", type=Path, metavar="FOLDER", help="a second classifier, as exported")
    options = parser.parse_args()
    if options.limit is not None and options.limit < 1:
        parser.error("--limit must be at least 1")
    try:
        bench = make_bench(options.workspace, options.arm, options.witness)
        rows = queries_of(bench.explained, options.role, options.limit)
        columns = [*KEYS, RUN, "initial", "note", *METRICS]
        run_digest = digest_of(bench, options.workspace, options.witness)
        ledger = Ledger(options.out, columns, run_digest, TARGETS * len(PEERS))
        start = time.monotonic()
        run(bench, rows, ledger, Console(stderr=True))
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    table = ledger.table()
    table = table[table["ecg_id"].isin(bench.explained.ecg_ids(rows))]
    show(summary(table), f"{len(rows)} queries, {TARGETS} targets each; {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
