"""Stage `challenge` on the small chain: which records decide, and what a model that is as good or worse comes to."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from explained_chain import Chain

from models.inference import load_backbone
from tasks.calibrate import PROBABILITIES
from tasks.challenge import ChallengeParams, challenge
from tasks.explained import Explained, Sources
from tasks.params.retrain import JudgeParams
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

LOSSES = ("f1_macro_loss", "auroc_macro_loss", "f1_superclass_loss", "auroc_subgroup_loss")
ABSOLUTE = ("ece", "counterfactual_validity", "excluded")
NONE: dict[str, float | None] = dict.fromkeys((*LOSSES, *ABSOLUTE))
NO_LOSS = {**NONE, **dict.fromkeys(LOSSES, 0.0)}


@dataclass(frozen=True)
class Arena:
    """An arm on the small cohort, the chain that explains it, and a release that has learnt from five records."""

    sources: Sources
    chain: Path
    champion: Path
    params: ChallengeParams

    def held(self, out: Path, limits: dict[str, float | None], champion: Path | None) -> pd.DataFrame:
        """Run the stage into `out`; acceptance.csv, by limit and scope."""
        out.mkdir()
        judge = self.params.judge.model_copy(
            update={"limits": type(self.params.judge.limits).model_validate(limits)}
        )
        challenge(self.sources, self.chain, champion, out, replace(self.params, judge=judge))
        return pd.read_csv(out / "acceptance.csv").set_index(["limit", "scope"])


@pytest.fixture(scope="module")
def arena(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    folder = tmp_path_factory.mktemp("arena")
    old = chain.explained.sources
    shutil.copytree(old.ingest.parent, folder / "out")
    sources = Sources.of_arm(old.trained.name.removeprefix("train-"), threads=old.threads, out=folder / "out")
    records = pd.read_parquet(sources.ingest / "records.parquet")
    rows = np.arange(len(records))
    roles = pd.read_parquet(sources.split / "roles.parquet")
    roles["fold"] = np.where(roles["query"], 8, np.where(roles["pool"], 10, 1))
    roles["test"] = roles["fold"] > 7
    roles.to_parquet(sources.split / "roles.parquet")
    records = records.assign(
        patient_id=rows // 2,
        fold=roles["fold"],
        age=np.where(rows % 3, 70.0, 50.0),
        sex=(rows % 2).astype(np.int8),
        device="d",
    )
    records.to_parquet(sources.ingest / "records.parquet")
    write_predictions(sources)
    samples = pd.DataFrame({"row": range(10), "kept": 2, "dropped": 0, "considered": 2, "difficulty": 0.5})
    samples.loc[:3, ["kept", "dropped"]] = [0, 2]
    samples.to_csv(sources.trained / "samples.csv", index=False)
    champion = folder / "releases" / "0001"
    champion.mkdir(parents=True)
    shutil.copyfile(sources.trained / "model.pt", champion / "model.pt")
    shutil.copyfile(sources.calibrated / "classifier.json", champion / "classifier.json")
    pd.DataFrame({"ecg_id": [*range(1000, 1005), 7]}).to_csv(champion / "learnt.csv", index=False)
    values = chain.params.retrain.judge.model_dump()
    values |= {"explained": 2, "bootstrap": {"resamples": 100, "level": 0.9, "seed": 1}}
    params = ChallengeParams(JudgeParams.model_validate(values), 8, chain.params.counterfactuals)
    return Arena(sources, chain.folder, champion, params)


def write_predictions(sources: Sources) -> None:
    explained = Explained.load(sources)
    rows = explained.rows("test")
    table = pd.DataFrame(explained.probabilities(rows), columns=PROBABILITIES)
    table.insert(0, "ecg_id", explained.ecg_ids(rows))
    table.to_parquet(sources.calibrated / "predictions.parquet")


def spoil(folder: Path) -> None:
    """A model that says the same of every record."""
    weights = load_backbone("cnn_gru_flow", folder / "model.pt").state_dict()
    zero = {
        name: value if name.startswith("normalise") else torch.zeros_like(value)
        for name, value in weights.items()
    }
    torch.save(zero, folder / "model.pt")


@pytest.fixture
def spoilt(arena: Arena, tmp_path: Path) -> Arena:
    """With a challenger that has forgotten everything."""
    shutil.copytree(arena.sources.ingest.parent, tmp_path / "out")
    sources = Sources.of_arm(arena.sources.trained.name.removeprefix("train-"), 1, tmp_path / "out")
    spoil(sources.trained)
    write_predictions(sources)
    return replace(arena, sources=sources)


def summary(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "challenge.json").read_text())
    return content


def test_a_model_is_no_worse_than_itself(arena: Arena, tmp_path: Path) -> None:
    verdicts = arena.held(tmp_path / "out", NO_LOSS, arena.champion)
    assert verdicts["kept"].all()
    assert (verdicts[["difference", "low", "high"]] == 0).all(axis=None)
    scopes = verdicts.index.to_frame(index=False).groupby("limit")["scope"].apply(list)
    assert scopes["f1_superclass_loss"] == list(SUPERCLASSES)
    assert {"sex: male", "sex: female", "age: 60-74", "device: d"} <= set(scopes["auroc_subgroup_loss"])
    assert summary(tmp_path / "out")["accepted"]


def test_scores_are_of_three_sets_of_records(arena: Arena, tmp_path: Path) -> None:
    arena.held(tmp_path / "out", NO_LOSS, arena.champion)
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    counts = scores.groupby("set")["records"].unique().map(list).to_dict()
    # fold 10; fold 8; the training records that the release does not know
    assert counts == {"reference": [25], "unseen": [15], "new": [5]}
    assert summary(tmp_path / "out")["new"]["records"] == 5
    defined = scores.dropna(subset=["champion", "challenger"])
    np.testing.assert_array_equal(defined["difference"], 0)


def test_records_that_the_champion_has_learnt_from_decide_nothing(arena: Arena, tmp_path: Path) -> None:
    """As after an edit of the folds' roles."""
    records = pd.read_parquet(arena.sources.ingest / "records.parquet")
    shutil.copytree(arena.champion, tmp_path / "champion")
    held_out = records.loc[records["fold"] == arena.params.judge.reference[0], "ecg_id"]
    held_out.to_frame().head(1).to_csv(tmp_path / "champion" / "learnt.csv", index=False)
    with pytest.raises(InputError, match=f"of the .* reference records .such as {held_out.iloc[0]}"):
        arena.held(tmp_path / "out", NO_LOSS, tmp_path / "champion")
    assert not list((tmp_path / "out").iterdir())


def test_a_challenger_that_is_spoilt_is_not_accepted(spoilt: Arena, tmp_path: Path) -> None:
    limits = {**NONE, "f1_macro_loss": 0.1, "auroc_macro_loss": 0.1, "auroc_subgroup_loss": 0.1}
    verdicts = spoilt.held(tmp_path / "held", limits, spoilt.champion)
    assert not verdicts["kept"].any()
    assert (verdicts["difference"] < -0.1).all()
    assert verdicts.loc[("auroc_macro_loss", "all"), "challenger"] == pytest.approx(0.5)
    found = summary(tmp_path / "held")
    assert not found["accepted"]
    assert found["broken"] == [f"{limit} ({scope})" for limit, scope in verdicts.index]


def test_one_that_is_better_than_a_spoilt_champion_is_accepted(arena: Arena, tmp_path: Path) -> None:
    shutil.copytree(arena.champion, tmp_path / "0001")
    spoil(tmp_path / "0001")
    limits = {**NONE, "f1_macro_loss": 0.0, "auroc_macro_loss": 0.0}
    verdicts = arena.held(tmp_path / "out", limits, tmp_path / "0001")
    assert verdicts["kept"].all()
    assert (verdicts["low"] > 0).all()


def test_without_a_champion_there_are_only_absolute_limits(arena: Arena, tmp_path: Path) -> None:
    limits = {**NO_LOSS, "ece": 1.0, "excluded": 0.4, "counterfactual_validity": 0.0}
    verdicts = arena.held(tmp_path / "out", limits, None)
    assert list(verdicts.index) == [(name, "all") for name in ABSOLUTE]
    assert verdicts["kept"].all()
    assert verdicts.loc[("excluded", "all"), "challenger"] == pytest.approx(
        0.4
    )  # 4 of 10 were always dropped
    share = verdicts.loc[("counterfactual_validity", "all"), "challenger"]
    assert share in (0.0, 0.5, 1.0)
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert scores["champion"].isna().all()
    # Nobody knows them: all training records are new.
    assert scores.loc[scores["set"] == "new", "records"].unique().tolist() == [10]


@pytest.mark.parametrize(
    ("waves", "margin", "holds"), [(("T V2",), 0.0, True), (("T V2",), -0.1, False), ((), 2.0, False)]
)
def test_only_changes_of_waves_that_hold_count_as_counterfactuals(
    arena: Arena,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    waves: tuple[str, ...],
    margin: float,
    holds: bool,
) -> None:
    made = SimpleNamespace(valid=True, waves=waves, margin=margin)
    monkeypatch.setattr("tasks.challenge.explain_query", lambda *_: (made,))
    verdicts = arena.held(tmp_path / "out", {**NONE, "counterfactual_validity": 0.95}, None)
    row = verdicts.loc[("counterfactual_validity", "all")]
    assert (row["challenger"], row["kept"]) == (float(holds), holds)


def test_a_target_without_a_donor_is_no_counterfactual(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = SimpleNamespace(of=lambda _: SimpleNamespace(records=SimpleNamespace(of=lambda _: [])))
    monkeypatch.setattr("tasks.challenge.read_sources", lambda *_: empty)
    verdicts = arena.held(tmp_path / "out", {**NONE, "counterfactual_validity": 0.0}, None)
    assert verdicts.loc[("counterfactual_validity", "all"), "challenger"] == 0.0


@pytest.mark.parametrize("limits", [{"excluded": 0.39}, {"ece": 0.0}])
def test_an_absolute_limit_that_is_broken_is_named(
    arena: Arena, tmp_path: Path, limits: dict[str, float]
) -> None:
    verdicts = arena.held(tmp_path / "out", {**NONE, **limits}, arena.champion)
    assert not verdicts["kept"].any()
    assert summary(tmp_path / "out")["broken"] == [f"{name} (all)" for name in limits]


def test_without_a_record_that_decides_there_is_no_verdict(arena: Arena, tmp_path: Path) -> None:
    judge = arena.params.judge.model_copy(update={"reference": (2,)})
    empty = replace(arena, params=replace(arena.params, judge=judge))
    with pytest.raises(InputError, match=r"No record is in the folds \(2,\) of 'retrain.judge.reference'"):
        empty.held(tmp_path / "out", NONE, None)


def test_without_limits_everything_is_accepted(arena: Arena, tmp_path: Path) -> None:
    verdicts = arena.held(tmp_path / "out", NONE, arena.champion)
    assert verdicts.empty
    assert summary(tmp_path / "out")["accepted"]


def test_the_same_again_is_the_same_bytes(arena: Arena, tmp_path: Path) -> None:
    for name in ("one", "two"):
        arena.held(tmp_path / name, {**NO_LOSS, "ece": 0.5}, arena.champion)
    for file in ("acceptance.csv", "scores.csv", "challenge.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_stored_predictions_are_what_the_model_says(spoilt: Arena, arena: Arena, tmp_path: Path) -> None:
    """Of records without a stored prediction the model is asked."""
    table = pd.read_parquet(spoilt.sources.calibrated / "predictions.parquet")
    table[:0].to_parquet(spoilt.sources.calibrated / "predictions.parquet")
    spoilt.held(tmp_path / "asked", NO_LOSS, spoilt.champion)
    table.to_parquet(spoilt.sources.calibrated / "predictions.parquet")
    spoilt.held(tmp_path / "stored", NO_LOSS, spoilt.champion)
    asked, stored = (pd.read_csv(tmp_path / name / "scores.csv") for name in ("asked", "stored"))
    pd.testing.assert_frame_equal(asked, stored, atol=1e-4)


def test_counterfactuals_of_a_model_that_is_never_right_cannot_be_counted(
    spoilt: Arena, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="No record of the reference folds is predicted correctly"):
        spoilt.held(tmp_path / "none", {**NONE, "counterfactual_validity": 0.5}, None)
