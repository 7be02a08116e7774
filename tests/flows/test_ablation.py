"""`veribeat rules ablate`: the table it makes, that a killed run goes on, and what it refuses."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from command_line import assert_one_sentence, call
from explained_cohort import make_sources
from ruamel.yaml import YAML

from flows import ablation
from flows.workspace import Workspace
from tasks.attribute import attribute
from tasks.explained import Explained
from tasks.many_items import Results
from tasks.rules import RuleMaker
from tasks.workers import WORKERS
from veribeat.rules.threshold import important

REPOSITORY = Path(__file__).resolve().parents[2]
PERCENTILES = [45, 50, 70, 90, 95]


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which has started already."""
    monkeypatch.setenv(WORKERS, "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the arm baseline is explained, with attributions; not to be changed."""
    path = tmp_path_factory.mktemp("ablation") / "workspace"
    (path / ".dvc").mkdir(parents=True)
    params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params["attribute"] |= {"draws": 4, "replicates": 2}
    params["rules"] |= {"samples": 4, "percentile": 95.0}
    YAML().dump(params, path / "params.yaml")
    make_sources(path / "out")
    (path / "out" / "attribute").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        place = Workspace.at(path)
        attribute(path / "out" / "attribute", explained(place), place.params().attribute, path / "resume")
    return path


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test to change."""
    return shutil.copytree(made, tmp_path / "workspace")


@pytest.fixture
def index(made: Path) -> pd.DataFrame:
    """What the attributions are of."""
    return pd.read_parquet(made / "out" / "attribute" / "attributions.parquet")


def explained(place: Workspace) -> Explained:
    _, sources = ablation.explained_arm(place)
    return Explained.load(sources)


def ablate(workspace: Path, *arguments: str) -> int:
    return call("rules", "ablate", "--workspace", str(workspace), *arguments)


def test_the_table_is_of_rules_at_the_cutoffs_of_the_whole_pool(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate(workspace, "--records", "6", "--out", str(tmp_path / "new" / "table.csv")) == 0
    shown = capsys.readouterr()
    assert "Rules of 6 random records" in shown.out
    assert "733.1" in shown.out  # of the paper
    assert "Simulated records" in shown.out
    table = pd.read_csv(tmp_path / "new" / "table.csv").set_index("percentile")
    assert table.index.tolist() == PERCENTILES
    with h5py.File(workspace / "out" / "attribute" / "attributions.h5") as file:
        magnitudes = np.abs(file["values"][:])
    cutoffs = np.percentile(magnitudes, PERCENTILES)
    assert table["threshold"].tolist() == pytest.approx(cutoffs, rel=1e-5)

    place = Workspace.at(workspace)
    maker = RuleMaker(explained(place), workspace / "out" / "attribute", place.params().rules)
    sample = ablation._sample(maker, 6)
    assert f"ablation, rules: {5 * len(sample)} of {5 * len(sample)}" in shown.err
    magnitudes = magnitudes[sample["place"]]
    counts = [(magnitudes >= cutoff).sum(axis=(1, 2)).mean() for cutoff in cutoffs]
    assert table["important_mean"].tolist() == pytest.approx(counts, rel=1e-3)
    assert_made_by_the_stage(table.loc[95], maker, sample, magnitudes)


def assert_made_by_the_stage(
    ours: pd.Series, maker: RuleMaker, sample: pd.DataFrame, magnitudes: np.ndarray
) -> None:
    """At the percentile of params.yaml, which is `maker`'s."""
    made = [
        maker.make(row, superclass, important(values, maker.threshold()))
        for row, superclass, values in zip(sample["row"], sample["superclass"], magnitudes, strict=True)
    ]
    kept = [rule for rule in made if rule.kept]
    records = {ecg_id for ecg_id, rule in zip(sample["ecg_id"], made, strict=True) if rule.kept}
    assert len(kept) > 1
    assert ours["rules"] == len(kept)
    assert ours["records_with_rule"] == pytest.approx(len(records) / 6, rel=1e-5)
    assert ours["forwards"] == pytest.approx(np.mean([rule.forwards for rule in made]), rel=1e-5)
    assert ours["precision"] == pytest.approx(np.mean([rule.precision for rule in kept]), rel=1e-5)
    assert ours["features_mean"] == pytest.approx(np.mean([len(rule.times) for rule in kept]), rel=1e-5)
    assert ours["features_sd"] == pytest.approx(np.std([len(rule.times) for rule in kept], ddof=1), rel=1e-5)


def test_the_sample_is_of_whole_records_and_by_the_seed(made: Path, index: pd.DataFrame) -> None:
    place = Workspace.at(made)

    def sample(seed: int) -> pd.DataFrame:
        params = place.params().rules.model_copy(update={"seed": seed})
        return ablation._sample(RuleMaker(explained(place), made / "out" / "attribute", params), 8)

    first = sample(1)
    assert first["ecg_id"].nunique() == 8
    of_records = index[index["ecg_id"].isin(first["ecg_id"])]
    assert first["place"].tolist() == of_records.index.tolist()
    assert first["superclass"].tolist() == of_records["superclass"].tolist()
    assert (first["row"] + 1000 == first["ecg_id"]).all()
    assert sample(1).equals(first)
    assert set(sample(2)["ecg_id"]) != set(first["ecg_id"])


def test_a_killed_ablation_goes_on_with_other_workers(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Workspace.at(workspace)
    whole = ablation.ablate_rules(place, 3, None)
    (resume,) = (workspace / "scratch").glob("ablation.*.resume")
    row = np.dtype([("value", ablation.ROW), ("done", np.uint8)])
    items = resume.stat().st_size // row.itemsize
    assert items > 15  # enough to start processes for half of them
    rows = Results(resume, [1] * items, ablation.ROW)._rows
    rows[: items // 2] = np.zeros((), row)
    capsys.readouterr()
    monkeypatch.setenv(WORKERS, "2")
    again = ablation.ablate_rules(place, 3, None)
    assert f"going on after {items - items // 2} of {items}" in capsys.readouterr().err
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), whole.drop(columns="seconds"))
    assert (again["seconds"] > 0).all()


def test_a_finished_ablation_is_there_at_once_until_its_settings_change(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workspace.at(workspace)
    first = ablation.ablate_rules(place, 2, None)

    def refuse(*_: object) -> None:
        raise AssertionError("a rule is made")

    monkeypatch.setattr(RuleMaker, "make", refuse)
    pd.testing.assert_frame_equal(ablation.ablate_rules(place, 2, None), first)
    place.set_params(["rules.percentile=80.0"])  # of the stage, not of the table
    pd.testing.assert_frame_equal(ablation.ablate_rules(place, 2, None), first)
    place.set_params(["rules.samples=5"])
    with pytest.raises(AssertionError, match="a rule is made"):
        ablation.ablate_rules(place, 2, None)


def test_more_records_than_there_are_is_one_sentence(
    workspace: Path, index: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate(workspace) == 2
    assert_one_sentence(
        capsys, f"350 records are asked for, but only {index['ecg_id'].nunique()} of the pool"
    )


def test_a_file_that_exists_is_left_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = workspace / "params.yaml"
    before = file.read_bytes()
    assert ablate(workspace, "--records", "1", "--out", str(file)) == 2
    assert_one_sentence(capsys, "params.yaml exists already")
    assert file.read_bytes() == before


def test_without_attributions_the_run_comes_first(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "out" / "attribute" / "attributions.h5").unlink()
    assert ablate(workspace) == 2
    assert_one_sentence(capsys, "attributions.h5: run 'veribeat run' first.")
    (workspace / "out" / "train-baseline" / "model.pt").unlink()
    assert ablate(workspace) == 2
    assert_one_sentence(capsys, "model.pt: run 'veribeat run' first.")
    Workspace.at(workspace).set_params(["explain.arm=null"])
    assert ablate(workspace) == 2
    assert_one_sentence(capsys, "'explain.arm' names no arm")
    assert ablate(tmp_path) == 2
    assert_one_sentence(capsys, "is not a workspace")


def test_attributions_of_another_cohort_are_refused(
    workspace: Path, index: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    other = index.assign(ecg_id=index["ecg_id"] + 5000)
    other.to_parquet(workspace / "out" / "attribute" / "attributions.parquet", index=False)
    assert ablate(workspace, "--records", "1") == 2
    assert_one_sentence(capsys, "are of another cohort: run 'veribeat run'.")
