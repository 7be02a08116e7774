"""The stages attribute, rules, prototypes, counterfactuals and report on a small cohort: what they write, and that a
stage that was killed writes the same bytes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from explained_cohort import make_sources

from flows.code_dependencies import CODE_ROOT
from models.runtime import make_deterministic
from tasks import attribute, counterfactuals, prototypes, report, rules
from tasks.explained import Explained
from tasks.many_items import WORKERS, Results
from tasks.params.document import Params, read_params
from tasks.stages import Stage, stages
from veribeat.attribution.draws import make_draws
from veribeat.attribution.expected_gradients import expected_gradients, make_background
from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.methods import METHODS
from veribeat.errors import InputError
from veribeat.prototypes.store import read_prototypes
from veribeat.signal.stored_units import from_units

CHANGES = {
    "attribute": {"draws": 8, "replicates": 2},
    "rules": {"samples": 10, "percentile": 99.0},
    "prototypes": {"smallest_class": 4, "dimensions": [2, 3], "clusters": [2]},
    "counterfactuals": {"noise_draws": 2},
}


@dataclass(frozen=True)
class Chain:
    """A folder with the outputs of the chain's stages, and what they were made from."""

    folder: Path
    explained: Explained
    params: Params

    def run(self, stage: str, out: Path, resume: Path) -> None:
        """Run one stage into `out`."""
        out.mkdir(parents=True)
        params, folder = self.params, self.folder
        calls: dict[str, Callable[[], None]] = {
            "attribute": lambda: attribute.attribute(out, self.explained, params.attribute, resume),
            "rules": lambda: rules.rules(out, self.explained, folder / "attribute", params.rules, resume),
            "prototypes": lambda: prototypes.prototypes(out, self.explained, params.prototypes, None, resume),
            "counterfactuals": lambda: counterfactuals.counterfactuals(
                out,
                self.explained,
                folder / "prototypes" / "prototypes.h5",
                params.counterfactuals,
                resume,
            ),
            "report": lambda: report.report(
                out, self.explained, folder, params.report, params.attribute, simulated=False
            ),
        }
        calls[stage]()


@pytest.fixture(scope="module")
def params() -> Params:
    read = read_params(CODE_ROOT / "params.yaml")
    updates = {name: getattr(read, name).model_copy(update=change) for name, change in CHANGES.items()}
    return read.model_copy(update=updates)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Chain:
    folder = tmp_path_factory.mktemp("chain")
    made = Chain(folder / "out", Explained.load(make_sources(folder / "arm")), params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        for stage in ("attribute", "rules", "prototypes", "counterfactuals", "report"):
            made.run(stage, made.folder / stage, folder / f"{stage}.resume")
    return made


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _stage(params: Params, name: str) -> Stage:
    (found,) = [stage for stage in stages(params) if stage.name == name]
    return found


@pytest.mark.parametrize("name", ["attribute", "rules", "prototypes", "counterfactuals", "report"])
def test_a_stage_writes_what_the_registry_says(chain: Chain, params: Params, name: str) -> None:
    stage = _stage(params, name)
    assert set(_bytes(chain.folder / name)) == {
        path.removeprefix(f"{stage.folder}/") for path in stage.outputs
    }


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("name", ["attribute", "rules", "prototypes", "counterfactuals"])
def test_a_stage_that_was_killed_writes_the_same_bytes(
    chain: Chain, name: str, workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, workers)
    resume = tmp_path / "resume"
    shutil.copyfile(chain.folder.parent / f"{name}.resume", resume)
    _forget_half(resume, name)
    chain.run(name, tmp_path / "out", resume)
    assert _bytes(tmp_path / "out") == _bytes(chain.folder / name)


def _forget_half(resume: Path, name: str) -> None:
    """Unmark every other row, and spoil what it holds, as a kill in the middle of writing would."""
    kinds = {
        "attribute": attribute.ROW,
        "rules": rules.ROW,
        "prototypes": np.dtype(np.float64),
        "counterfactuals": counterfactuals.ROW,
    }
    row = np.dtype([("value", kinds[name]), ("done", np.uint8)])
    assert resume.stat().st_size % row.itemsize == 0
    rows = Results(resume, [1] * (resume.stat().st_size // row.itemsize), kinds[name])._rows
    assert len(rows) > 4
    assert rows["done"].all()
    for place in range(0, len(rows), 2):
        rows[place] = np.zeros((), row)


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
    alone = expected_gradients(explained.classifier.backbone, signal, background, classes.tolist(), draws, 8)
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


def test_prototypes_of_rules_differ_from_those_of_signals(chain: Chain, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    conditions = chain.folder / "rules" / "rules.parquet"
    prototypes.prototypes(out, chain.explained, chain.params.prototypes, conditions, tmp_path / "resume")
    ours, theirs = (_bytes(folder)["distances.h5"] for folder in (out, chain.folder / "prototypes"))
    assert ours != theirs


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
        for method in METHODS
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
    other = Chain(chain.folder, chain.explained, chain.params.model_copy(update={"report": asked}))
    other.run("report", tmp_path / "out", tmp_path / "resume")
    assert (tmp_path / "out" / "figures" / "query.png").stat().st_size > 50_000


def test_a_query_without_counterfactuals_is_refused(chain: Chain, tmp_path: Path) -> None:
    asked = chain.params.report.model_copy(update={"query": 1})
    other = Chain(chain.folder, chain.explained, chain.params.model_copy(update={"report": asked}))
    with pytest.raises(InputError, match="Record 1 has no counterfactual for HYP"):
        other.run("report", tmp_path / "out", tmp_path / "resume")


def test_a_cohort_without_candidates_and_queries_gets_empty_tables(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier that predicts nothing: no attribution, rule, prototype or counterfactual, but every file."""
    monkeypatch.setenv(WORKERS, "1")
    sources = make_sources(tmp_path / "arm")
    description = json.loads((sources.calibrated / "classifier.json").read_text())
    description["thresholds"] = dict.fromkeys(SUPERCLASSES, 1.0)
    (sources.calibrated / "classifier.json").write_text(json.dumps(description))
    chain = Chain(tmp_path / "out", Explained.load(sources), params)
    for name in ("attribute", "rules", "prototypes", "counterfactuals", "report"):
        chain.run(name, chain.folder / name, tmp_path / f"{name}.resume")
        written = {path.removeprefix(f"out/{name}/") for path in _stage(params, name).outputs}
        assert set(_bytes(chain.folder / name)) == written
    assert not len(pd.read_parquet(chain.folder / "counterfactuals" / "counterfactuals.parquet"))
