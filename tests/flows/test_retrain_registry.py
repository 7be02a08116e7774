"""What updates and rollbacks do to MLflow's registry, without a training."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from bad_records import filename, write_good_folder
from bare_updates import NOW, decided
from command_line import assert_one_sentence, call

from flows.release.contents import STATE, release_folder
from flows.release.manifest import write_manifest
from flows.retrain import cohort, registry, steps
from flows.retrain.ledger import Decision, TakenBatch, Update, begin, champion_of, updates
from flows.retrain.refusal import refuse
from flows.retrain.rollback import roll_back
from flows.tracking.context import RunContext
from flows.tracking.environment import quieten
from flows.workspace import Workspace
from models.backbones.registry import build_backbone
from models.bundle import describe
from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

quieten()
CONTEXT = RunContext(None, "0123abc", {})


def served_release(study: Workspace, name: str) -> None:
    """A release whose model can be logged."""
    folder = release_folder(study.path, name)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(build_backbone("cnn_gru_flow").state_dict(), folder / "model.pt")
    description = describe("cnn_gru_flow", dict.fromkeys(SUPERCLASSES, 0.5))
    (folder / "classifier.json").write_text(json.dumps(description))
    for file in STATE:
        shutil.copyfile(study.path / file, folder / file)
    write_manifest(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with a database and no runs: making one takes seconds."""
    from mlflow.tracking import MlflowClient

    folder = tmp_path_factory.mktemp("store") / "mlflow"
    folder.mkdir()
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder


@pytest.fixture
def logged(study: Workspace, store: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace with a store of its own, and releases 0001 and 0002 that can be logged."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(store, study.path / "mlflow")
    for name in ("0001", "0002"):
        served_release(study, name)
    return study


def rolled_back_once(study: Workspace) -> None:
    """After an update that made 0002 champion, and a rollback."""
    decided(study.path, Decision("0002", ()))
    decided(study.path, Decision("0001", ("alarms",)), kind="rollback")


def runs(study: Workspace) -> list[Any]:
    found = registry._store(study)
    return list(found.client.search_runs([found.experiment_id]))


def versions(study: Workspace) -> list[str]:
    client = registry._store(study).client
    found = client.search_model_versions(f"name = '{registry.model_name(study)}'")
    return sorted(version.tags["release"] for version in found)


def evidence(update: Update) -> None:
    folder = update.folder / "evidence"
    folder.mkdir()
    (folder / "scores.csv").write_text(
        "set,metric,champion,challenger\nreference,f1_macro,0.5,0.6\nreference,ece,,0.1\n"
    )


def test_an_update_is_logged_once_and_the_alias_follows_the_champion(logged: Workspace) -> None:
    assert registry.served(logged) is None
    (first,) = updates(logged.path)
    evidence(first)
    run_id = registry.log_update(logged, first, CONTEXT)
    assert registry.log_update(logged, first, CONTEXT) == run_id
    (run,) = runs(logged)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["reference/challenger/f1_macro"] == 0.6
    assert "reference/champion/ece" not in run.data.metrics  # there was none
    for _ in range(2):
        registry.promote(logged, "0001", run_id)
        assert registry.served(logged) == champion_of(logged.path) == "0001"
    assert versions(logged) == ["0001"]

    second = decided(logged.path, Decision("0002", ()), TakenBatch("b", "d"))
    registry.promote(logged, "0002", registry.log_update(logged, second, CONTEXT))
    assert registry.served(logged) == champion_of(logged.path) == "0002"
    third = decided(logged.path, Decision(None, ("worse",), ("c",)), TakenBatch("c", "d"))
    registry.promote(logged, "0002", registry.log_update(logged, third, CONTEXT))
    assert versions(logged) == ["0001", "0002"]
    assert len(runs(logged)) == 3


def test_a_run_that_was_killed_is_replaced(logged: Workspace) -> None:
    (first,) = updates(logged.path)
    store = registry._store(logged)
    from flows.provenance import file_digest

    key = f"update {first.name} {file_digest(first.folder / 'taken.json')}"
    unfinished = store.create("update 0001", {registry.KEY: key})
    run_id = registry.log_update(logged, first, CONTEXT)
    assert run_id != unfinished
    assert [run.info.run_id for run in runs(logged)] == [run_id]
    registry.promote(logged, "0001", run_id)
    assert registry.served(logged) == "0001"


def test_a_promotion_that_was_killed_goes_on(logged: Workspace) -> None:
    """Between the version and the alias."""
    (first,) = updates(logged.path)
    run_id = registry.log_update(logged, first, CONTEXT)
    registry.promote(logged, "0001", run_id)
    client, name = registry._store(logged).client, registry.model_name(logged)
    client.delete_registered_model_alias(name, registry.ALIAS)
    assert registry.served(logged) is None
    registry.promote(logged, "0001", run_id)
    assert (registry.served(logged), versions(logged)) == ("0001", ["0001"])


def test_a_rollback_is_in_the_ledger_and_in_the_registry(logged: Workspace) -> None:
    for update in (*updates(logged.path), decided(logged.path, Decision("0002", ()))):
        decision = update.decision
        assert decision is not None
        registry.promote(logged, str(decision.release), registry.log_update(logged, update, CONTEXT))
    logged.set_params(["calibrate.step=0.01"])
    roll_back(logged, "0001", "alarms at night", NOW)
    last = updates(logged.path)[-1]
    assert (last.kind, last.reason, last.done) == ("rollback", "alarms at night", True)
    assert registry.served(logged) == champion_of(logged.path) == "0001"
    lock = release_folder(logged.path, "0001") / "dvc.lock"
    assert (logged.path / "dvc.lock").read_bytes() == lock.read_bytes()
    assert logged.params().calibrate.step == 0.01  # what a user has edited stays
    assert versions(logged) == ["0001", "0002"]


def test_a_store_that_has_never_seen_the_champion_gets_it_from_the_release(
    logged: Workspace, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = updates(logged.path)
    registry.promote(logged, "0001", registry.log_update(logged, first, CONTEXT))
    rolled_back_once(logged)
    shutil.copytree(store, tmp_path / "other")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other' / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)  # where such a store keeps its files
    assert registry.served(logged) is None
    refused = decided(logged.path, Decision(None, ("worse",), ("b",)), TakenBatch("b", "d"))
    for _ in range(2):
        run_id = registry.log_update(logged, refused, CONTEXT)
        registry.promote(logged, "0001", run_id)
        assert (registry.served(logged), versions(logged)) == ("0001", ["0001"])
    client = registry._store(logged).client
    (version,) = client.search_model_versions(f"name = '{registry.model_name(logged)}'")
    assert version.run_id == run_id
    roll_back(logged, "0002", "alarms", NOW)
    assert (registry.served(logged), versions(logged)) == ("0002", ["0001", "0002"])


def test_any_name_of_a_workspace_makes_a_model_name(logged: Workspace) -> None:
    odd = Workspace.at(logged.path.rename(logged.path.with_name("bob's study: 1")))
    assert registry.model_name(odd) == "veribeat-bob_s study_ 1"
    (first,) = updates(odd.path)
    registry.promote(odd, "0001", registry.log_update(odd, first, CONTEXT))
    assert registry.served(odd) == "0001"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0001", "is the champion already"),
        ("0009", "There is no release '0009', only 0001"),
        ("0002", "There is no release '0002', only 0001"),  # of an update that was never decided
        ("../releases/0002", "There is no release"),
        ("", "There is no release"),
    ],
)
def test_a_rollback_that_cannot_be_changes_nothing(logged: Workspace, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        roll_back(logged, name, "why", NOW)
    assert len(updates(logged.path)) == 1


def test_a_damaged_release_or_an_unfinished_update_stops_a_rollback(logged: Workspace) -> None:
    rolled_back_once(logged)
    (release_folder(logged.path, "0002") / "model.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"0002/model\.pt is changed: restore the release"):
        roll_back(logged, "0002", "why", NOW)
    update = begin(logged.path, "update", (TakenBatch("a", "d"),), "0001", NOW)
    words = "Update 0004 is unfinished: run 'veribeat retrain' first."
    with pytest.raises(InputError, match=f"{words} Or hold the batches back with 'veribeat refuse'"):
        roll_back(logged, "0002", "why", NOW)
    update.decide(Decision(None, ("worse",), ("a",)))
    with pytest.raises(InputError, match=f"{words}$"):
        roll_back(logged, "0002", "why", NOW)


def test_a_rollback_whose_outputs_are_gone_changes_nothing(logged: Workspace) -> None:
    lock = "schema: '2.0'\nstages:\n  ingest:\n    cmd: x\n    outs:\n    - path: out/ingest/card.json\n      md5: {}\n"
    folder = release_folder(logged.path, "0002")
    (folder / "dvc.lock").write_text(lock.format("0123456789abcdef0123456789abcdef"))
    write_manifest(folder)
    rolled_back_once(logged)
    before = {name: (logged.path / name).read_bytes() for name in STATE}
    with pytest.raises(
        InputError, match=r"1 of the outputs that .*0002/dvc\.lock names are not in DVC's cache"
    ):
        roll_back(logged, "0002", "why", NOW)
    assert len(updates(logged.path)) == 3
    assert {name: (logged.path / name).read_bytes() for name in STATE} == before


def test_an_update_can_be_refused_by_hand(logged: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(release_folder(logged.path, "0002"))
    for name in ("a", "b"):
        write_good_folder(logged.path / "inbox" / name)
    logged.set_params(["retrain.batches=2"])
    shutil.copyfile(logged.params_file, release_folder(logged.path, "0001") / "params.yaml")
    before = logged.params_file.read_bytes()
    update = steps.next_update(logged, NOW)
    assert update is not None
    # As the next run would find it: learnt from, and not decided.
    accepted = logged.path / "accepted.csv"
    accepted.write_text(f"ecg_id,filename\n1,{filename(1)}\n")
    cohort.extend(logged, {"0002-a": (logged.path / "inbox" / "a", accepted)}, "0001")
    shutil.rmtree(logged.path / "inbox" / "b")
    asked = ("refuse", "--reason", "site B has withdrawn its records", "--workspace", str(logged.path))
    assert call(*asked) == 0
    assert f"Updates: {logged.path / 'retraining.html'}\n" in capsys.readouterr().out
    assert "site B has withdrawn its records" in (logged.path / "retraining.html").read_text()
    assert update.done
    assert update.decision == Decision(None, ("site B has withdrawn its records",), ("a", "b"))
    assert [path.name for path in (logged.path / "held").iterdir()] == ["0002-a"]
    assert not list((logged.path / "batches").iterdir())
    assert logged.params_file.read_bytes() == before
    assert registry.served(logged) == champion_of(logged.path) == "0001"
    assert len(runs(logged)) == 1
    assert call(*asked) == 2
    assert_one_sentence(capsys, "No update is unfinished")


def test_an_update_that_is_decided_or_released_is_not_refused(logged: Workspace) -> None:
    update = begin(logged.path, "update", (TakenBatch("a", "d"),), "0001", NOW)
    words = "Update 0002 is decided already: run 'veribeat retrain'"
    with pytest.raises(InputError, match=words):  # by its release, 0002
        refuse(logged, "why", NOW)
    assert update.decision is None
    shutil.rmtree(release_folder(logged.path, "0002"))
    update.decide(Decision(None, ("worse",), ("a",)))
    with pytest.raises(InputError, match=words):
        refuse(logged, "why", NOW)
