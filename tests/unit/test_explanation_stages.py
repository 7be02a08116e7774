"""The stages attribute, rules, prototypes, counterfactuals and report on a small cohort: what they write."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from explained_chain import STAGES, Chain, contents
from explained_cohort import make_sources
from named_stages import stage_named

from models.compiled.network import with_compiled_parts
from models.runtime import make_deterministic
from tasks import prototypes, report, rules
from tasks.explained import Explained
from tasks.workers import WORKERS
from veribeat.attribution.base import make_background
from veribeat.attribution.draws import make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.counterfactual.methods import METHODS
from veribeat.dtw.distances import dtw_distances
from veribeat.errors import InputError
from veribeat.prototypes.store import read_prototypes
from veribeat.signal.stored_units import from_units


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_writes_what_the_registry_says(chain: Chain, name: str) -> None:
    stage = stage_named(chain.params, name)
    assert set(contents(chain.folder / name)) == {
        path.removeprefix(f"{stage.folder}/") for path in stage.outputs
    }


def test_attributions_are_those_of_the_predicted_classes(chain: Chain) -> None:
    explained, folder = chain.explained, chain.folder / "attribute"
    make_deterministic(threads=1)
    rows = explained.rows("pool")
    predicted = explained.predicted_labels(rows)
    index = pd.read_parquet(folder / "attributions.parquet")
    expected = [
        (int(ecg_id), SUPERCLASSES[place])
        for ecg_id, labels in zip(explained.ecg_ids(rows), predicted, strict=True)
        for place in np.flatnonzero(labels)
    ]
    assert list(zip(index["ecg_id"], index["superclass"], strict=True)) == expected
    background = make_background(
        explained.classifier.backbone, explained.signals_mv(explained.rows("background")), 8
    )
    ecg_id, superclass = expected[-1]
    draws = make_draws(8, 2, len(background.logits), "stratified", (chain.params.attribute.seed, ecg_id))
    (signal,) = explained.signals_mv(np.flatnonzero(explained.records["ecg_id"] == ecg_id))
    classes = np.flatnonzero(predicted[-1] if predicted[-1].any() else predicted[predicted.any(axis=1)][-1])
    network = with_compiled_parts(explained.classifier.backbone)
    alone = expected_gradients(network, signal, background, classes.tolist(), draws, 8)
    with h5py.File(folder / "attributions.h5") as file:
        assert file["superclass"][-1].decode() == superclass
        np.testing.assert_array_equal(file["values"][-1], alone.values[-1])


def test_rules_are_made_for_every_candidate(chain: Chain) -> None:
    summary = pd.read_parquet(chain.folder / "rules" / "summary.parquet")
    assert summary["ecg_id"].tolist() == chain.explained.ecg_ids(chain.explained.candidates()).tolist()
    conditions = pd.read_parquet(chain.folder / "rules" / "rules.parquet")
    kept = summary[summary["kept"]]
    assert len(kept)
    assert conditions.groupby("ecg_id").size().tolist() == kept["features"].tolist()
    assert (conditions["low_mv"] < conditions["high_mv"]).all()
    assert kept["text"].str.startswith("lead ").all()


def test_the_spread_of_features_is_over_the_training_records_of_the_asked_folds(chain: Chain) -> None:
    def spread(folds: list[int] | None) -> np.ndarray:
        asked = chain.params.rules.model_copy(update={"sigma_folds": folds})
        return rules.RuleMaker(chain.explained, chain.folder / "attribute", asked).sigma_f_mv

    training = chain.explained.signals_mv(
        chain.explained.rows("train")
    )  # five of fold 1, then five of fold 7
    np.testing.assert_allclose(spread(None), training.std(axis=0, dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(spread([7]), training[5:].std(axis=0, dtype=np.float64), rtol=1e-5)
    with pytest.raises(InputError, match="no training record"):
        spread([10])


def test_prototypes_are_candidates_of_their_class_and_say_what_they_come_from(chain: Chain) -> None:
    found = read_prototypes(chain.folder / "prototypes" / "prototypes.h5")
    assert len(found.ecg_ids)
    for superclass, ecg_id, signal in zip(found.superclasses, found.ecg_ids, found.signals_mv, strict=True):
        (row,) = np.flatnonzero(chain.explained.records["ecg_id"] == ecg_id)
        assert row in chain.explained.candidates()
        assert chain.explained.records[superclass].iloc[row]
        np.testing.assert_array_equal(signal, chain.explained.signals_mv(np.array([row]))[0])
    assert {"model.pt", "classifier.json", "signals.npy", "parameters"} <= set(found.provenance)
    of_classes = json.loads((chain.folder / "prototypes" / "prototypes.json").read_text())
    assert sum(block["prototypes"] for block in of_classes.values()) == len(found.ecg_ids)


def _prototypes_of_rules(chain: Chain, folder: Path, conditions: pd.DataFrame) -> Path:
    """The outputs of the stage `prototypes` for clusters of these rules."""
    (folder / "out").mkdir(parents=True)
    conditions.to_parquet(folder / "rules.parquet")
    params = chain.params.prototypes
    prototypes.prototypes(
        folder / "out", chain.explained, params, folder / "rules.parquet", folder / "resume"
    )
    return folder / "out"


def test_prototypes_of_rules_are_of_the_features_in_rules(chain: Chain, tmp_path: Path) -> None:
    conditions = pd.read_parquet(chain.folder / "rules" / "rules.parquet")
    out = _prototypes_of_rules(chain, tmp_path, conditions)
    compared = 0
    with h5py.File(out / "distances.h5") as file:
        for superclass in SUPERCLASSES:
            ecg_ids, distances = (file[superclass][name][:] for name in ("ecg_id", "distance_mv"))
            if len(ecg_ids) < 2:
                continue
            first, last = (_only_its_rule(chain, conditions, ecg_id) for ecg_id in ecg_ids[[0, -1]])
            np.testing.assert_array_equal(distances[0, -1], dtw_distances(first, last[None])[0])
            compared += 1
    assert compared
    found = read_prototypes(out / "prototypes.h5")
    for ecg_id, signal in zip(found.ecg_ids, found.signals_mv, strict=True):
        np.testing.assert_array_equal(signal, _signal(chain, ecg_id))  # whole, not what was compared


def _only_its_rule(chain: Chain, conditions: pd.DataFrame, ecg_id: int) -> np.ndarray:
    """The signal of a record, zero where its rule says nothing."""
    signal, masked = _signal(chain, ecg_id), np.zeros((RECORD_SAMPLES, len(LEADS)), np.float32)
    own = conditions[conditions["ecg_id"] == ecg_id]
    for sample, lead in zip(own["sample"], own["lead"], strict=True):
        masked[sample, LEADS.index(lead)] = signal[sample, LEADS.index(lead)]
    assert 0 < np.count_nonzero(masked) < np.count_nonzero(signal)
    return masked


def _signal(chain: Chain, ecg_id: int) -> np.ndarray:
    (signal,) = chain.explained.signals_mv(np.flatnonzero(chain.explained.records["ecg_id"] == ecg_id))
    return signal


def test_of_rules_no_prototype_lacks_one(chain: Chain, tmp_path: Path) -> None:
    conditions = pd.read_parquet(chain.folder / "rules" / "rules.parquet")
    first = read_prototypes(_prototypes_of_rules(chain, tmp_path / "all", conditions) / "prototypes.h5")
    others = conditions[~conditions["ecg_id"].isin(first.ecg_ids)]
    out = _prototypes_of_rules(chain, tmp_path / "others", others)
    found = set(read_prototypes(out / "prototypes.h5").ecg_ids.tolist())
    assert found
    assert found <= set(others["ecg_id"])
    with h5py.File(out / "distances.h5") as file:
        compared = {
            ecg_id for superclass in SUPERCLASSES for ecg_id in file[superclass]["ecg_id"][:].tolist()
        }
    assert compared == set(others["ecg_id"])


def test_every_query_is_crossed_with_every_other_superclass(chain: Chain) -> None:
    table = pd.read_parquet(chain.folder / "counterfactuals" / "counterfactuals.parquet")
    offered = set(read_prototypes(chain.folder / "prototypes" / "prototypes.h5").superclasses)
    queries = chain.explained.correctly_predicted("query")
    labels = chain.explained.true_labels(queries)
    expected = [
        (int(ecg_id), target, method)
        for ecg_id, present in zip(chain.explained.ecg_ids(queries), labels, strict=True)
        for place, target in enumerate(SUPERCLASSES)
        if not present[place] and target in offered
        for method in chain.params.counterfactuals.methods
    ]
    assert expected
    assert list(zip(table["ecg_id"], table["target"], table["method"], strict=True)) == expected


def test_what_is_stored_is_what_was_verified(chain: Chain) -> None:
    table = pd.read_parquet(chain.folder / "counterfactuals" / "counterfactuals.parquet")
    with h5py.File(chain.folder / "counterfactuals" / "counterfactuals.h5") as file:
        signals = from_units(file["signals"][:])
    labels = chain.explained.black_box.labels(signals)
    targets = np.array([[name == target for name in SUPERCLASSES] for target in table["target"]])
    assert ((labels == targets).all(axis=1) == (table["validity"] == 1)).all()
    assert (table.loc[table["method"] == "original", "validity"] == 1).all()


def test_the_report_shows_the_query_that_is_asked_for(chain: Chain, tmp_path: Path) -> None:
    table = pd.read_parquet(chain.folder / "counterfactuals" / "counterfactuals.parquet")
    last = table.iloc[-1]
    asked = chain.params.report.model_copy(update={"query": int(last["ecg_id"]), "target": last["target"]})
    usual, chosen = (report._example(table, params) for params in (chain.params.report, asked))
    assert usual is not None
    assert chosen is not None
    assert set(usual["ecg_id"]) != set(chosen["ecg_id"]) == {last["ecg_id"]}
    methods = chain.params.counterfactuals.methods
    pd.testing.assert_frame_equal(chosen.reset_index("method")[table.columns], table[-len(methods) :])
    other = Chain(chain.folder, chain.explained, chain.params.model_copy(update={"report": asked}))
    other.run("report", tmp_path / "out", tmp_path / "resume")
    before, after = contents(chain.folder / "report"), contents(tmp_path / "out")
    assert {file for file in after if after[file] != before[file]} == {
        f"figures/{name}.png"
        for name in report.QUERY_FIGURES
        if name not in set(METHODS) - set(methods)  # there it says that the method was not asked for
    }


@pytest.mark.parametrize(
    ("valid", "expected"),
    [((3, 4), 3), ((4,), 4), ((), 2)],
)
def test_the_report_shows_the_first_cd_query_that_reaches_the_target(
    chain: Chain, valid: tuple[int, ...], expected: int
) -> None:
    """Queries 2-4 are CD. Others that reach HYP, and CD queries that reach another target, do not count; nor does any
    method but the last."""
    rows = [
        {
            "ecg_id": ecg_id,
            "initial": initial,
            "target": target,
            "method": method,
            "validity": float(method != METHODS[-1] or target != "HYP" or ecg_id in (1, *valid)),
        }
        for ecg_id, initial in enumerate(("MI", "CD", "CD", "CD", "CD+MI"), start=1)
        for target in ("NORM", "HYP")
        for method in METHODS
    ]
    example = report._example(pd.DataFrame(rows), chain.params.report)
    assert example is not None
    assert example["ecg_id"].tolist() == [expected] * len(METHODS)
    assert set(example["target"]) == {"HYP"}
    assert example.index.get_level_values("method").tolist() == list(METHODS)
    assert [rows[place]["ecg_id"] for place in example.index.get_level_values(0)] == [expected] * len(METHODS)


def test_without_a_cd_query_the_report_shows_none(chain: Chain) -> None:
    row = {"ecg_id": 1, "initial": "MI", "target": "HYP", "method": METHODS[-1], "validity": 1.0}
    assert report._example(pd.DataFrame([row]), chain.params.report) is None


def test_a_query_without_counterfactuals_is_refused(chain: Chain, tmp_path: Path) -> None:
    asked = chain.params.report.model_copy(update={"query": 1})
    other = Chain(chain.folder, chain.explained, chain.params.model_copy(update={"report": asked}))
    with pytest.raises(InputError, match="Record 1 has no counterfactual for HYP"):
        other.run("report", tmp_path / "out", tmp_path / "resume")


def test_a_cohort_without_candidates_and_queries_gets_empty_tables(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier that predicts nothing: no attribution, rule, prototype or counterfactual, but every file."""
    monkeypatch.setenv(WORKERS, "1")
    sources = make_sources(tmp_path / "arm")
    description = json.loads((sources.calibrated / "classifier.json").read_text())
    description["thresholds"] = dict.fromkeys(SUPERCLASSES, 1.0)
    (sources.calibrated / "classifier.json").write_text(json.dumps(description))
    empty = Chain(tmp_path / "out", Explained.load(sources), chain.params)
    for name in STAGES:
        empty.run(name, empty.folder / name, tmp_path / f"{name}.resume")
        written = {path.removeprefix(f"out/{name}/") for path in stage_named(empty.params, name).outputs}
        assert set(contents(empty.folder / name)) == written
    assert not len(pd.read_parquet(empty.folder / "counterfactuals" / "counterfactuals.parquet"))
