"""`veribeat compare`: cells from a ledger, in their order, resumed after a kill, logged once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import Checkout
from mlflow.tracking import MlflowClient

from flows.compare.cells import CellMaker, Comparison, matched_epochs, names
from flows.compare.ledger import FinishedCell
from flows.workspace import Workspace
from tasks.params.document import read_params
from veribeat.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
ARMS = "full,pdd,random"
COMMAND = ("compare", "--arms", ARMS, "--seeds", "1", "--preset", "short")


@pytest.fixture(scope="module")
def compared(after_flow: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a finished comparison; not to be changed."""
    import shutil

    path = tmp_path_factory.mktemp("compared") / "checkout"
    checkout = Checkout(shutil.copytree(after_flow.path, path, symlinks=True))
    checkout.set_params("presets.short.max_epochs=4")
    checkout.veribeat(*COMMAND)
    return checkout


def _cells(checkout: Checkout) -> dict[str, dict[str, Any]]:
    files = sorted((checkout.path / "results" / "comparison" / "cells").glob("*.json"))
    cells = [FinishedCell.read(file) for file in files]
    return {cell.arm: cell.content for cell in cells}


def _runs(checkout: Checkout) -> list[Any]:
    client = MlflowClient(f"sqlite:///{checkout.path / 'mlflow' / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name.endswith("comparison comparison")]
    return list(client.search_runs([experiment.experiment_id]))


def test_every_cell_says_what_it_trained_and_what_it_cost(compared: Checkout) -> None:
    cells = _cells(compared)
    assert sorted(cells) == ["full", "pdd", "random"]
    records = cells["full"]["epochs"][0]["trained"]
    assert cells["full"]["cost"]["effective_epochs"] == 4
    assert cells["full"]["cost"]["forward_equivalents"] == 12
    sizes = {arm: [row["trained"] for row in cell["epochs"]] for arm, cell in cells.items()}
    assert sizes["full"] == [records] * 4
    assert sizes["random"] == sizes["pdd"] != sizes["full"]
    for cell in cells.values():
        best = max(cell["epochs"], key=lambda row: row["val_f1_macro"])
        assert best["epoch"] == cell["best_epoch"]
        assert cell["metrics"]["validation"]["calibrated"]["f1_macro"] == pytest.approx(
            best["val_f1_macro"], abs=1e-4
        )
        assert cell["cost"]["wall_seconds"] > 0


def test_the_page_and_mlflow_have_every_cell(compared: Checkout) -> None:
    page = (compared.path / "results" / "comparison" / "comparison.html").read_text()
    assert all(arm in page for arm in ARMS.split(","))
    runs = _runs(compared)
    assert sorted(run.info.run_name for run in runs) == [
        "full, seed 1",
        "pdd, seed 1",
        "random, seed 1",
    ]
    (pdd,) = [run for run in runs if run.data.tags.get("arm") == "pdd"]
    assert pdd.data.params["selection/strategy"] == "pdd"
    client = MlflowClient(f"sqlite:///{compared.path / 'mlflow' / 'mlflow.db'}")
    by_epoch, by_cost = (
        client.get_metric_history(pdd.info.run_id, f"{kind}/val_f1_macro") for kind in ("curves", "by_cost")
    )
    assert [point.step for point in by_epoch] == [0, 1, 2, 3]
    spent = [row["forward_equivalents"] for row in _cells(compared)["pdd"]["epochs"]]
    assert [point.step for point in by_cost] == [round(100 * value / 3) for value in spent]


@pytest.mark.slow
def test_a_second_comparison_trains_only_what_is_missing(compared: Checkout, tmp_path: Path) -> None:
    import shutil

    checkout = Checkout(shutil.copytree(compared.path, tmp_path / "checkout", symlinks=True))
    folder = checkout.path / "results" / "comparison" / "cells"
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    lost, arrays = (next(folder.glob(f"*-pdd-*{ending}")) for ending in (".json", ".npz"))
    old, old_arrays = json.loads(lost.read_text()), dict(np.load(arrays))
    lost.unlink()
    output = checkout.veribeat(*COMMAND).stderr
    assert output.count("Finished in state Cached") == 2 + 3  # two cells, three stages
    new = json.loads(lost.read_text())
    for part in ("cell", "epochs", "metrics", "thresholds", "best_epoch"):
        assert new[part] == old[part], part
    for name, values in np.load(arrays).items():
        np.testing.assert_array_equal(values, old_arrays[name])
    changed = {file for file in folder.iterdir() if file.stat().st_mtime_ns != before.get(file)}
    assert changed == {lost, arrays}
    assert len(_runs(checkout)) == 3  # the same results are not logged again


@pytest.mark.hours
def test_a_killed_comparison_goes_on(after_flow: Checkout, tmp_path: Path) -> None:
    import shutil

    checkout = Checkout(shutil.copytree(after_flow.path, tmp_path / "copy", symlinks=True))
    checkout.set_params("presets.short.max_epochs=4")
    folder = checkout.path / "results" / "comparison" / "cells"
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *COMMAND],
            cwd=checkout.path,
            env=checkout.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        have = len(list(folder.glob("*.json"))) if folder.exists() else 0
        until = time.monotonic() + 120
        while len(list(folder.glob("*.json"))) == have and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = len(list(folder.glob("*.json")))
    assert done >= 2
    checkout.veribeat(*COMMAND)
    assert sorted(_cells(checkout)) == ["full", "pdd", "random"]
    assert not list(folder.glob("*.part*"))


def test_full_training_is_matched_in_whole_epochs_and_never_cheaper() -> None:
    assert [matched_epochs(value) for value in (0.4, 3, 3.1, 29.99, 30, 48)] == [1, 1, 2, 10, 10, 16]


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (("full", "best"), "There is no selection 'best' in params.yaml, only"),
        (("random",), "'random' is made by what 'pdd' costs: compare 'pdd', too."),
    ],
)
def test_impossible_comparisons_are_refused_in_a_sentence(arms: tuple[str, ...], words: str) -> None:
    comparison = Comparison("x", arms, (1,), "cnn_gru_flow", "short")
    with pytest.raises(InputError, match=words):
        comparison.check(read_params(REPOSITORY / "params.yaml"))


def test_names_are_a_list_without_repeats() -> None:
    assert names("full, pdd") == ("full", "pdd")
    for wrong in ("", ",", "full,full"):
        with pytest.raises(InputError, match="should be names of selections"):
            names(wrong)


def test_a_damaged_cell_is_not_taken_for_one_that_is_missing(compared: Checkout, tmp_path: Path) -> None:
    place = Workspace.at(shutil.copytree(compared.path, tmp_path / "checkout", symlinks=True))
    comparison = Comparison("comparison", ("full",), (1,), "cnn_gru_flow", "short")
    maker = CellMaker(comparison, place)
    cell = maker.make("full", 1)
    assert maker.finished(cell) is not None
    (place.path / f"{cell.out}.json").write_text("{")
    for ask in (maker.all_finished, lambda: FinishedCell.found(place.path, cell)):
        with pytest.raises(InputError, match="is damaged: remove it"):
            ask()
    (place.path / f"{cell.out}.json").unlink()
    assert maker.all_finished() == ([], ["full, seed 1"])


def test_a_damaged_cell_is_one_sentence(tmp_path: Path) -> None:
    for content in ("", "{}", '{"cell": 1}'):
        (tmp_path / "cell.json").write_text(content)
        with pytest.raises(InputError, match=r"cell.json is damaged: remove it"):
            FinishedCell.read(tmp_path / "cell.json")


def test_the_key_follows_settings_and_seed_but_not_names(compared: Checkout) -> None:
    place = Workspace.at(compared.path)
    comparison = Comparison("comparison", ("full", "pdd"), (1, 2), "cnn_gru_flow", "short")
    maker = CellMaker(comparison, place)
    key = maker.make("full", 1).key
    assert key == maker.make("full", 1).key
    assert len({key, maker.make("full", 2).key, maker.make("pdd", 1).key}) == 3
    other = Comparison("another", ("full",), (1,), "cnn_gru_flow", "short", side_by_side=2)
    assert CellMaker(other, place).make("full", 1).key == key
