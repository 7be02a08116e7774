"""Stage `challenge`: hold what an update has trained against the limits of acceptance, and against the champion."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import Classifier
from models.inference import predict_probabilities
from tasks.calibrate import PATIENT, PROBABILITIES
from tasks.counterfactual_settings import read_sources, search_settings
from tasks.explained import Explained, Sources
from tasks.file_names import LEARNT
from tasks.params.calibrate import CalibrateParams
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.params.reading import read_section
from tasks.params.retrain import JudgeParams
from tasks.params.train import ComputeParams
from tasks.stage import OUT, output_folder, run, write_json
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.counterfactual.methods import explain_query
from veribeat.counterfactual.query import make_query
from veribeat.counterfactual.targets import default_target, label_set
from veribeat.data.demography import demographic_groups
from veribeat.data.roles import check_not_learnt
from veribeat.errors import InputError
from veribeat.metrics.acceptance import (
    Compared,
    Judged,
    Verdict,
    acceptance_table,
    at_least,
    at_most,
    no_worse,
)
from veribeat.metrics.bootstrap import Bootstrap
from veribeat.metrics.exclusion import is_excluded
from veribeat.signal.r_peaks import find_r_peaks


@dataclass(frozen=True)
class ChallengeParams:
    """What the stage goes by."""

    judge: JudgeParams
    smallest_subgroup: int
    """Records that a subgroup needs to be judged by itself."""
    counterfactuals: CounterfactualsParams


@dataclass(frozen=True)
class Contest:
    """The challenger, the champion where there is one, and the records on which they meet."""

    explained: Explained
    records: pd.DataFrame  # ecg_id, fold, PATIENT and one column per superclass, in the order of the signals
    predictions: pd.DataFrame  # the challenger's, of the held-out records: ecg_id, p_NORM ..
    champion: Classifier | None
    learnt: NDArray[np.int64]
    """ecg_id of what the champion has learnt from; empty without one."""

    @classmethod
    def load(cls, sources: Sources, champion: Path | None) -> "Contest":
        """From the outputs of earlier stages, and the champion's release folder."""
        explained = Explained.load(sources)
        records = pd.read_parquet(
            sources.ingest / "records.parquet", columns=["ecg_id", "fold", *PATIENT, *SUPERCLASSES]
        )
        predictions = pd.read_parquet(sources.calibrated / "predictions.parquet").set_index("ecg_id")
        if champion is None:
            return cls(explained, records, predictions, None, np.empty(0, dtype=np.int64))
        learnt = pd.read_csv(champion / LEARNT)["ecg_id"].to_numpy(dtype=np.int64)
        return cls(explained, records, predictions, Classifier.load(champion), learnt)

    def in_folds(self, folds: list[int]) -> NDArray[np.int64]:
        """Rows of the held-out records in `folds`."""
        rows = self.explained.rows("test")
        return rows[np.isin(self.records["fold"].to_numpy()[rows], folds)]

    def new(self) -> NDArray[np.int64]:
        """Rows of the training records that the champion has not learnt from."""
        rows = self.explained.rows("train")
        return rows[~np.isin(self.records["ecg_id"].to_numpy()[rows], self.learnt)]

    def compared(self, rows: NDArray[np.int64], bootstrap: Bootstrap) -> Compared:
        """The scores of both on the records at `rows`."""
        classifier = self.explained.classifier
        ecg_ids = self.records["ecg_id"].to_numpy()[rows]
        if np.isin(ecg_ids, self.predictions.index).all():
            probabilities = self.predictions.loc[ecg_ids, PROBABILITIES].to_numpy()
        else:
            probabilities = self.explained.probabilities(rows)
        challenger = Judged(probabilities, np.array(classifier.thresholds))
        champion = None
        if self.champion is not None:
            backbone = self.champion.backbone
            champion = Judged(
                predict_probabilities(backbone, self.explained.signals, rows),
                np.array(self.champion.thresholds),
            )
        patients = self.records["patient_id"].to_numpy()[rows]
        return Compared.on(challenger, champion, self.explained.true_labels(rows), patients, bootstrap)


def challenge(
    sources: Sources, chain: Path, champion: Path | None, out: Path, params: ChallengeParams
) -> None:
    """Write acceptance.csv (a row per limit), scores.csv (both models, set by set) and challenge.json.

    The sets are `reference`, whose records decide, `unseen`, which decide nothing, and `new`: the training records that
    the champion does not know. The challenger has learnt from these, so that only the champion's score there says
    how well it does on what is to come. Without a champion the limits on losses are left out.

    Args:
        sources: files of the arm that is judged.
        chain: folder with the outputs of the stages `prototypes` and `donors`.
        champion: its release folder; None where there is none yet.
        out: an existing empty folder.
        params: folds, limits, bootstrap, and how counterfactuals are made.
    """
    contest = Contest.load(sources, champion)
    bootstrap = Bootstrap(**params.judge.bootstrap.model_dump())
    sets = {
        "reference": contest.in_folds(params.judge.reference),
        "unseen": contest.in_folds(params.judge.unseen),
        "new": contest.new(),
    }
    if not len(sets["reference"]):
        raise InputError(
            f"No record is in the folds {params.judge.reference} of 'retrain.judge.reference', so that nothing decides:"
            " name folds of 'split.test' with records."
        )
    for name in ("reference", "unseen"):
        check_not_learnt(contest.records, sets[name], contest.learnt, f"{name} records")
    tables = {}
    for name, rows in sets.items():
        if len(rows):
            tables[name] = contest.compared(rows, bootstrap).table(bootstrap.level)
            tables[name].insert(0, "records", len(rows))
    scores = pd.concat(tables, names=["set"]).reset_index(level="set")
    scores.to_csv(out / "scores.csv", index=False, float_format="%.6f", lineterminator="\n")
    verdicts = _verdicts(contest, sets["reference"], tables["reference"], sources, chain, params)
    acceptance_table(verdicts).to_csv(
        out / "acceptance.csv", index=False, float_format="%.6f", lineterminator="\n"
    )
    write_json(out / "challenge.json", _summary(verdicts, tables))


def _verdicts(
    contest: Contest,
    rows: NDArray[np.int64],
    scores: pd.DataFrame,
    sources: Sources,
    chain: Path,
    params: ChallengeParams,
) -> list[Verdict]:
    limits = params.judge.limits
    verdicts = []
    if contest.champion is not None:
        if limits.f1_macro_loss is not None:
            verdicts.append(no_worse("f1_macro_loss", "all", scores, "f1_macro", limits.f1_macro_loss))
        if limits.auroc_macro_loss is not None:
            verdicts.append(
                no_worse("auroc_macro_loss", "all", scores, "auroc_macro", limits.auroc_macro_loss)
            )
        if limits.f1_superclass_loss is not None:
            verdicts += [
                no_worse("f1_superclass_loss", name, scores, f"f1_by_class.{name}", limits.f1_superclass_loss)
                for name in SUPERCLASSES
            ]
        if limits.auroc_subgroup_loss is not None:
            verdicts += _of_subgroups(contest, rows, limits.auroc_subgroup_loss, params)
    if limits.ece is not None:
        (value,) = scores.loc[scores["metric"] == "ece", "challenger"].to_numpy()
        verdicts.append(at_most("ece", float(value), limits.ece))
    if limits.counterfactual_validity is not None:
        share = _counterfactual_validity(contest, rows, chain, params)
        verdicts.append(at_least("counterfactual_validity", share, limits.counterfactual_validity))
    if limits.excluded is not None:
        samples = pd.read_csv(sources.trained / "samples.csv")
        share = float(is_excluded(samples["dropped"], samples["considered"]).mean())
        verdicts.append(at_most("excluded", share, limits.excluded))
    return verdicts


def _of_subgroups(
    contest: Contest, rows: NDArray[np.int64], loss: float, params: ChallengeParams
) -> list[Verdict]:
    groups = demographic_groups(contest.records.iloc[rows], params.smallest_subgroup)
    bootstrap = Bootstrap(**params.judge.bootstrap.model_dump())
    verdicts = []
    for attribute, of_records in groups.items():
        for group in of_records.cat.categories:
            member = (of_records == group).to_numpy()
            if member.sum() >= params.smallest_subgroup:
                scores = contest.compared(rows[member], bootstrap).table(bootstrap.level)
                verdicts.append(
                    no_worse("auroc_subgroup_loss", f"{attribute}: {group}", scores, "auroc_macro", loss)
                )
    return verdicts


def _counterfactual_validity(
    contest: Contest, rows: NDArray[np.int64], chain: Path, params: ChallengeParams
) -> float:
    """Share of the first correctly predicted records at `rows` with a counterfactual by the default method that holds.

    That is one made of waves, predicted as the target in copies that are shifted in time, too: what the method falls
    back on ends with a whole donor, which every classifier predicts as the target.
    """
    explained = contest.explained
    correct = np.intersect1d(rows, explained.correctly_predicted("test"))[: params.judge.explained]
    if not len(correct):
        raise InputError(
            "No record of the reference folds is predicted correctly, so there is no counterfactual to count."
        )
    sources, settings = read_sources(chain, explained), search_settings(params.counterfactuals)
    model, holds = explained.black_box, []
    for signal in explained.signals_mv(correct):
        query = make_query(signal, find_r_peaks(signal).samples, model)
        target = default_target(query.labels, query.probabilities)
        if not len(sources.of(DEFAULT_METHOD).records.of(target)):
            holds.append(False)
            continue
        (found,) = explain_query(query, [label_set([target])], [DEFAULT_METHOD], sources, model, settings)
        holds.append(bool(found.waves) and found.margin >= 0)
    return float(np.mean(holds))


def _summary(verdicts: list[Verdict], tables: dict[str, pd.DataFrame]) -> dict[str, object]:
    broken = [f"{verdict.limit} ({verdict.scope})" for verdict in verdicts if not verdict.kept]
    return {
        "accepted": not broken,
        "broken": broken,
        **{
            name: {
                "records": int(table["records"].iloc[0]),
                **{
                    model: {
                        metric: round(float(value), 6)
                        for metric, value in zip(table["metric"], table[model], strict=True)
                        if metric in ("f1_macro", "auroc_macro", "ece") and np.isfinite(value)
                    }
                    for model in ("champion", "challenger")
                },
            }
            for name, table in tables.items()
        },
    }


def main() -> None:
    """Run the stage for the arm, and against the release folder of a champion, named on the command line."""
    arm, *release = sys.argv[1:]
    params = ChallengeParams(
        read_section(JudgeParams, "retrain", "judge"),
        read_section(CalibrateParams, "calibrate").smallest_subgroup,
        read_section(CounterfactualsParams, "counterfactuals"),
    )
    sources = Sources.of_arm(arm, read_section(ComputeParams, "compute").threads)
    with output_folder("challenge") as out:
        challenge(sources, OUT, Path(*release) if release else None, out, params)


if __name__ == "__main__":
    run(main)
