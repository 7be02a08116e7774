"""Stage `rules`: interval rules that keep the prediction of each prototype candidate (PHAR)."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, Sources, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.reading import read_section
from tasks.params.rules import RulesParams
from tasks.params.runner import Runner, read_runner
from tasks.stage import OUT, run, write_json
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.rules.phar import Rule, RuleSettings, make_rule
from veribeat.rules.quality import rule_quality
from veribeat.rules.readable import rule_texts
from veribeat.rules.spread import feature_std_mv
from veribeat.rules.table import NamedRule, conditions_table, summary_table
from veribeat.rules.threshold import importance_threshold, important

BISECTIONS = 5
"""The narrowest box that is tried reaches 1/32 of a standard deviation; two steps more cost half as much again."""

MOST_TEXTS = 10
"""Of a rule in the summary: it has about a thousand conditions, in hundreds of runs."""

_FEATURES = (RECORD_SAMPLES, len(LEADS))
ROW = np.dtype(
    [
        ("important", np.bool_, _FEATURES),
        ("low_mv", np.float32, _FEATURES),
        ("high_mv", np.float32, _FEATURES),
        ("kept", np.bool_),
        ("reason", "S80"),
        ("scale", np.float64),
        ("precision", np.float64),
        ("forwards", np.int64),
    ]
)
"""One rule; bounds count where a feature is important."""


@dataclass(frozen=True)
class RuleMaker:
    """What rules of one arm's predictions are made from."""

    explained: Explained
    attributions: Path
    params: RulesParams

    @cached_property
    def settings(self) -> RuleSettings:
        """How a rule is made."""
        return RuleSettings(
            interval=self.params.interval,
            perturbation=self.params.perturbation,
            samples=self.params.samples,
            bisections=BISECTIONS,
        )

    @cached_property
    def sigma_f_mv(self) -> NDArray[np.float64]:
        """Reach of the perturbation of each feature (1000, 12), in mV."""
        if self.params.perturbation == "gaussian":
            return np.full(_FEATURES, self.explained.normalisation["std_mv"])
        rows = self.explained.rows("train")
        if self.params.sigma_folds is not None:
            folds = self.explained.roles["fold"].to_numpy()[rows]
            rows = rows[np.isin(folds, self.params.sigma_folds)]
            if not len(rows):
                raise InputError(
                    f"'rules.sigma_folds' is {self.params.sigma_folds}: no training record is in them."
                )
        return feature_std_mv(self.explained.signals, rows)

    def make(self, row: int, superclass: str, marked: NDArray[np.bool_]) -> Rule:
        """The rule of the record at `row` of the cohort, for one superclass and its important features (1000, 12)."""
        rows = np.array([row])
        (signal,) = self.explained.signals_mv(rows)
        seed = (self.params.seed, int(self.explained.ecg_ids(rows)[0]), SUPERCLASSES.index(superclass))
        return make_rule(signal, marked, self.sigma_f_mv, self.explained.black_box, self.settings, seed)

    def attribution_index(self) -> pd.DataFrame:
        """ecg_id and superclass of each row of the attributions."""
        return pd.read_parquet(self.attributions / "attributions.parquet", columns=["ecg_id", "superclass"])

    def threshold(self) -> float:
        """What |attribution| has to reach to be important; NaN where the pool has no predicted class."""
        with h5py.File(self.attributions / "attributions.h5", "r") as file:
            values = file["values"]
            if not len(values):
                return np.nan
            return importance_threshold(values, np.arange(len(values)), self.params.percentile)


@dataclass(frozen=True)
class RuleWorker:
    """Makes the rule of one prototype candidate at a time."""

    sources: Sources
    attributions: Path
    params: RulesParams
    threshold: float

    def prepare(self) -> Work:
        """Load the model, the candidates and the index of their attributions."""
        maker = RuleMaker(Explained.load(self.sources), self.attributions, self.params)
        candidates = maker.explained.candidates()
        superclasses = _superclasses(maker.explained, candidates)
        ecg_ids = maker.explained.ecg_ids(candidates)
        index = maker.attribution_index()
        places = {
            key: place for place, key in enumerate(zip(index["ecg_id"], index["superclass"], strict=True))
        }
        values = h5py.File(self.attributions / "attributions.h5", "r")["values"]

        def make(item: int) -> NDArray[np.void]:
            place = places.get((int(ecg_ids[item]), superclasses[item]))
            if place is None:
                raise InputError(
                    f"Record {ecg_ids[item]} has no attribution for {superclasses[item]}:"
                    " run the stage attribute again."
                )
            marked = important(values[place], self.threshold)
            return _as_row(maker.make(int(candidates[item]), superclasses[item], marked), marked)

        return make


def rules(
    out: Path,
    explained: Explained,
    attributions: Path,
    params: RulesParams,
    resume: Path,
    runner: Runner = "local",
) -> None:
    """Write rules.parquet (one row per condition), summary.parquet (one per rule) and rules.json.

    Rules are made for the prototype candidates: records of the pool with one superclass that is predicted, and no
    other. `attributions` is the output folder of the stage `attribute`; `resume` keeps finished rules through a kill.
    """
    maker = RuleMaker(explained, attributions, params)
    threshold = maker.threshold()
    candidates = explained.candidates()
    superclasses = _superclasses(explained, candidates)
    worker = RuleWorker(explained.sources, attributions, params, threshold)
    results = Results(resume, [1] * len(candidates), ROW)
    found = complete(results, worker, "rules, records", runner=runner)

    pool = explained.rows("pool")
    pool_signals, pool_labels = explained.signals_mv(pool), explained.predicted_labels(pool)
    labels = explained.true_labels(candidates)
    ecg_ids = explained.ecg_ids(candidates)
    named = []
    for item, row in enumerate(found):
        rule = _as_rule(row)
        quality = rule_quality(rule, labels[item], pool_signals, pool_labels)
        named.append(NamedRule(int(ecg_ids[item]), superclasses[item], rule, quality))
    normalisation = explained.normalisation
    conditions = conditions_table(named, normalisation["mean_mv"], normalisation["std_mv"])
    conditions.to_parquet(out / "rules.parquet", index=False)
    summary = summary_table(named)
    summary["text"] = [_text(each.rule) for each in named]
    summary.to_parquet(out / "summary.parquet", index=False)
    write_json(out / "rules.json", _metrics(summary, threshold))


def _superclasses(explained: Explained, candidates: NDArray[np.int64]) -> list[str]:
    """The one superclass of each candidate."""
    return [SUPERCLASSES[place] for place in explained.true_labels(candidates).argmax(axis=1)]


def _as_row(rule: Rule, marked: NDArray[np.bool_]) -> NDArray[np.void]:
    row = np.zeros(1, ROW)
    row["important"][0] = marked
    for side in ("low_mv", "high_mv"):
        row[side][0][rule.times, rule.leads] = getattr(rule, side)
    for name in ("kept", "scale", "precision", "forwards"):
        row[name] = getattr(rule, name)
    reason = rule.reason.encode()
    if len(reason) > row["reason"].itemsize:
        raise ValueError(f"too long to be kept: {rule.reason}")
    row["reason"] = reason
    return row


def _as_rule(row: np.void) -> Rule:
    times, leads = np.nonzero(row["important"])
    return Rule(
        times=times,
        leads=leads,
        low_mv=row["low_mv"][times, leads],
        high_mv=row["high_mv"][times, leads],
        kept=bool(row["kept"]),
        reason=row["reason"].decode(),
        scale=float(row["scale"]),
        precision=float(row["precision"]),
        forwards=int(row["forwards"]),
    )


def _text(rule: Rule) -> str:
    if not rule.kept:
        return ""
    return "; ".join(rule_texts(rule.times, rule.leads, rule.low_mv, rule.high_mv, MOST_TEXTS))


def _metrics(summary: pd.DataFrame, threshold: float) -> dict[str, float | int | None]:
    kept = summary[summary["kept"].astype(bool)]
    means = {
        f"mean_{name}": kept[name].mean()
        for name in ("features", "scale", "precision", "coverage", "confidence")
    }
    numbers = {"threshold": threshold, **means, "forwards_per_rule": summary["forwards"].mean()}
    return {
        "records": len(summary),
        "rules": len(kept),
        **{name: None if np.isnan(value) else round(float(value), 6) for name, value in numbers.items()},
    }


def main() -> None:
    """Run the stage for the arm named on the command line."""
    (arm,) = sys.argv[1:]
    params, runner = read_section(RulesParams, "rules"), read_runner()
    attributions = OUT / "attribute"
    run_resumable(
        "rules",
        arm,
        [params],
        lambda out, explained, resume: rules(out, explained, attributions, params, resume, runner),
        files=[attributions / "attributions.h5", attributions / "attributions.parquet"],
    )


if __name__ == "__main__":
    run(main)
