"""`veribeat rules ablate`: what the importance threshold does to rules ([CF] A.3, Table 6)."""

import time
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from flows.explained_arm import explained_arm, require
from flows.report.texts import number
from flows.workspace import Workspace
from tasks.explained import Explained, Sources, resume_key
from tasks.many_items import Results, Work, complete
from tasks.params.rules import RulesParams
from tasks.rules import RuleMaker
from tasks.stage import digest, resume_file
from veribeat.errors import InputError
from veribeat.rules.ablation import ablation_table, beside_published
from veribeat.rules.published import TABLE_6, TABLE_6_RECORDS
from veribeat.rules.threshold import important

PERCENTILES = tuple(float(row.percentile) for row in TABLE_6)

ROW = np.dtype(
    [
        ("features", np.int64),
        ("kept", np.bool_),
        ("precision", np.float64),
        ("forwards", np.int64),
        ("seconds", np.float64),
    ]
)
"""One rule, as the table needs it."""

SHOWN = {
    "features_mean": ("features per rule, mean", 1),
    "published_features_mean": ("  [CF]", 1),
    "features_sd": ("features per rule, sd", 1),
    "published_features_sd": ("  [CF]", 1),
    "records_with_rule": ("records with a rule, share", 3),
    "precision": ("precision", 3),
    "forwards": ("model evaluations per rule", 0),
    "seconds": ("seconds per rule", 2),
    "published_seconds": ("  [CF], per record", 1),
}
"""Columns of the table as the terminal shows them, one a row: their names there, and digits."""


@dataclass(frozen=True)
class AblationWorker:
    """Makes one rule at a time: item i is row i // 5 of `sample`, at percentile i % 5."""

    sources: Sources
    attributions: Path
    params: RulesParams
    sample: pd.DataFrame
    thresholds: tuple[float, ...]

    def prepare(self) -> Work:
        """Load the model and the attributions."""
        maker = RuleMaker(Explained.load(self.sources), self.attributions, self.params)
        _ = maker.sigma_f_mv  # made once, so no part of the first rule's time
        values = h5py.File(self.attributions / "attributions.h5", "r")["values"]

        def make(item: int) -> NDArray[np.void]:
            place, percentile = divmod(item, len(self.thresholds))
            of_rule = self.sample.iloc[place]
            marked = important(values[of_rule["place"]], self.thresholds[percentile])
            started = time.perf_counter()
            rule = maker.make(int(of_rule["row"]), of_rule["superclass"], marked)
            seconds = time.perf_counter() - started
            return np.array([(len(rule.times), rule.kept, rule.precision, rule.forwards, seconds)], ROW)

        return make


def ablate_rules(place: Workspace, records: int, out: Path | None) -> pd.DataFrame:
    """Make the rules of random records of the pool at each percentile of Table 6; return our table, beside the paper's.

    One rule per record and predicted class, with the settings of params.yaml; only the threshold differs. It is the
    percentile over the attributions of the whole pool, as in the stage `rules`, not over those of the sample: [CF]
    eq. 1-2 and 4.6.1 have one cutoff for all instances, and A.3 draws a sample to make rules for, without saying that
    it draws another cutoff. So where params.yaml has one of these percentiles, its rules are those of the stage.

    Finished rules stay in the workspace's scratch folder: a killed ablation goes on, and one that is asked for again
    is there at once. The table is written to the new file `out` as CSV, too.

    Raises:
        InputError: there are no attributions yet, or of fewer records than asked for, or `out` exists.
    """
    if out is not None and out.exists():
        raise InputError(f"{out} exists already: choose another file, or remove it first.")
    params = place.params().rules
    _, sources = explained_arm(place)
    attributions = place.path / "out" / "attribute"
    files = [attributions / name for name in ("attributions.h5", "attributions.parquet")]
    require(files)
    explained = Explained.load(sources)
    makers = [
        RuleMaker(explained, attributions, params.model_copy(update={"percentile": percentile}))
        for percentile in PERCENTILES
    ]
    sample = _sample(makers[0], records)
    thresholds = tuple(maker.threshold() for maker in makers)

    key = resume_key(sources, [maker.params for maker in makers], files)
    with chdir(place.path):
        resume = resume_file("ablation", digest(key, str(records), Path(__file__))).absolute()
    results = Results(resume, [1] * (len(sample) * len(PERCENTILES)), ROW)
    worker = AblationWorker(sources, attributions, makers[0].params, sample, thresholds)
    found = complete(results, worker, "ablation, rules")

    cutoffs = pd.DataFrame({"percentile": PERCENTILES, "threshold": thresholds})
    rules = sample[["ecg_id"]].merge(cutoffs, how="cross")  # in the order of the items
    table = beside_published(ablation_table(rules.join(pd.DataFrame(found))))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False, float_format="%.6g", lineterminator="\n")
    return table


def _sample(maker: RuleMaker, records: int) -> pd.DataFrame:
    """ecg_id and superclass of each attribution of `records` random records, its place among all, and the cohort's
    row."""
    index = maker.attribution_index()
    ecg_ids = index["ecg_id"].unique()
    if len(ecg_ids) < records:
        raise InputError(
            f"{records} records are asked for, but only {len(ecg_ids)} of the pool have a predicted class and so"
            " attributions: ask for no more than these."
        )
    drawn = np.random.default_rng(maker.params.seed).choice(ecg_ids, records, replace=False)
    sample = index.assign(place=np.arange(len(index)))[index["ecg_id"].isin(drawn)]
    sample["row"] = pd.Index(maker.explained.records["ecg_id"]).get_indexer(sample["ecg_id"])
    if (sample["row"] < 0).any():
        raise InputError(
            f"The attributions in {maker.attributions} are of another cohort: run 'veribeat run'."
        )
    return sample


def show_ablation(table: pd.DataFrame, records: int, simulated: bool, console: Console) -> None:
    """Print our table beside the paper's."""
    console.print(
        f"Rules of {records:,} random record{'s' * (records != 1)} of the pool, beside [CF] Table 6 (of"
        f" {TABLE_6_RECORDS} records of PTB-XL)",
        highlight=False,
    )
    shown = Table("percentile of |attribution|")
    for percentile in table["percentile"]:
        shown.add_column(f"{percentile:g}", justify="right")
    for column, (name, digits) in SHOWN.items():
        shown.add_row(name, *(number(value, digits) for value in table[column]))
    console.print(shown)
    console.print(
        "Precision is the share of a third draw of perturbed records that keep their labels. Seconds are this"
        " machine's, one rule at a time on each core.",
        highlight=False,
    )
    if simulated:
        console.print("Simulated records: these figures say that the pipeline works, nothing about patients.")
