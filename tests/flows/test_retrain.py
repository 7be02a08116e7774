"""`veribeat retrain` on a simulated stream: accepted, held back, rolled back, and killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import call

from flows.process import environment
from flows.retrain.ledger import champion_of, updates
from flows.retrain.registry import served
from flows.workspace import Workspace

pytestmark = pytest.mark.slow

QUICK = (
    *("--set", "presets.short.max_epochs=10", "--set", "presets.update.max_epochs=2"),
    *("--set", "presets.update.batch_size=64", "--set", "retrain.judge.explained=5"),
    *("--set", "retrain.judge.limits={f1_macro_loss: 1.0, auroc_macro_loss: 1.0, f1_superclass_loss: 1.0,"
      " auroc_subgroup_loss: null, ece: 1.0, counterfactual_validity: 0.0, excluded: 1.0}"),
)  # fmt: skip
"""Trainings that take seconds, and limits that any of them keeps."""


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    assert call("data", "synthetic", str(folder / "source")) == 0
    options = ("--batches", "3", "--initial", "0.5", "--fault", "2:mains_hum:1.0")
    assert call("simulate-stream", str(folder / "source"), str(folder / "out"), *options) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def first(stream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with its first champion."""
    path = tmp_path_factory.mktemp("updates") / "updates"
    assert call("init", str(path), "--data", str(stream / "initial"), "--retrain", *QUICK) == 0
    retrain(path)
    return path


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Workspace:
    copy = tmp_path / first.name
    shutil.copytree(first, copy, symlinks=True)
    return Workspace.at(copy)


def retrain(path: Path) -> None:
    done = subprocess.run(command(path), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "flows", "retrain", "--workspace", str(path)]


def deliver(stream: Path, place: Workspace, name: str) -> None:
    (place.path / "inbox").mkdir(exist_ok=True)
    shutil.copytree(stream / "inbox" / name, place.path / "inbox" / name)


def check_consistent(place: Workspace, delivered: int) -> None:
    """No batch is lost or in two places, and the alias is what the ledger says."""
    found = [
        path.name.partition("-")[2] if where != "inbox" else path.name
        for where in ("inbox", "taken", "held")
        for path in (place.path / where).glob("*")
    ]
    assert len(found) == len(set(found)) == delivered
    learnt = [name.partition("-")[2] for name in place.params().cohort.batches]
    assert len(learnt) == len(set(learnt))
    assert served(place) == champion_of(place.path)


def test_good_batches_are_learnt_from_and_bad_ones_are_held(stream: Path, place: Workspace) -> None:
    assert champion_of(place.path) == "0001"
    deliver(stream, place, "batch-01")
    retrain(place.path)
    assert champion_of(place.path) == "0002"
    assert place.params().cohort.batches == ["0002-batch-01"]
    deliver(stream, place, "batch-01")  # again
    deliver(stream, place, "batch-02")  # nothing but hum
    (place.path / "inbox" / "batch-04").mkdir()  # no folder in PTB-XL's layout
    for _ in range(3):
        retrain(place.path)
    *_, again, faulty, empty = updates(place.path)
    for update, words in ((again, "the same, byte for byte"), (faulty, "quarantined"), (empty, "it has no")):
        assert update.decision is not None
        assert not update.decision.accepted
        assert words in update.decision.reasons[0]
    assert champion_of(place.path) == "0002"
    assert served(place) == "0002"
    retrain(place.path)
    assert len(updates(place.path)) == 5  # the inbox is empty
    state = subprocess.run(
        ["dvc", "status", "ingest", "train-challenger", "challenge"],
        cwd=place.path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "up to date" in state.stdout


def test_a_limit_that_is_not_kept_leaves_everything_as_it_was(stream: Path, place: Workspace) -> None:
    place.set_params(["retrain.judge.limits.ece=0.0"])
    before = (place.path / "dvc.lock").read_bytes(), (place.path / "params.yaml").read_bytes()
    signals = (place.path / "out" / "ingest" / "signals.npy").read_bytes()
    deliver(stream, place, "batch-01")
    retrain(place.path)
    decision = updates(place.path)[-1].decision
    assert decision is not None
    assert not decision.accepted
    assert "ece of all" in decision.reasons[0]
    assert champion_of(place.path) == served(place) == "0001"
    assert ((place.path / "dvc.lock").read_bytes(), (place.path / "params.yaml").read_bytes()) == before
    assert (place.path / "out" / "ingest" / "signals.npy").read_bytes() == signals
    assert [path.name for path in (place.path / "held").iterdir()] == ["0002-batch-01"]


def test_a_release_can_be_put_back(stream: Path, place: Workspace) -> None:
    deliver(stream, place, "batch-01")
    retrain(place.path)
    assert served(place) == "0002"
    assert call("rollback", "0001", "--reason", "site B", "--workspace", str(place.path)) == 0
    assert champion_of(place.path) == served(place) == "0001"
    assert place.params().cohort.batches == []
    assert call("rollback", "0001", "--reason", "again", "--workspace", str(place.path)) == 2
    assert call("rollback", "0009", "--reason", "none", "--workspace", str(place.path)) == 2


def test_an_update_that_is_killed_is_finished_by_later_runs(stream: Path, place: Workspace) -> None:
    deliver(stream, place, "batch-01")
    deliver(stream, place, "batch-03")
    moments = random.Random(20)
    for _ in range(20):
        run = subprocess.Popen(
            command(place.path),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(3, 40))
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    for _ in range(3):
        retrain(place.path)
    check_consistent(place, delivered=2)
    assert [update.name for update in updates(place.path)] == ["0001", "0002", "0003"]
    assert all(update.done for update in updates(place.path))
    assert champion_of(place.path) == "0003"
