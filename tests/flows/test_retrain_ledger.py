"""The bookkeeping of updates, without a training: ledger, inbox, manifest, cohort and registry."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from bad_records import filename, row, signal, write_good_folder, write_record, write_tables

from flows.process import run_quietly
from flows.release.by_hand import release_by_hand
from flows.release.contents import STATE, release_folder
from flows.release.manifest import differences, is_complete, read_manifest, write_manifest
from flows.retrain import cohort, inbox, registry, steps
from flows.retrain.ledger import Decision, TakenBatch, Update, begin, champion_of, learnt_in, updates
from flows.retrain.rollback import roll_back
from flows.tracking.context import RunContext
from flows.tracking.environment import quieten
from flows.workspace import RETRAINING, Workspace, create_workspace
from models.backbones.registry import build_backbone
from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE, SUPERCLASSES
from veribeat.errors import InputError

NOW = "2026-01-01T00:00:00+00:00"
CONTEXT = RunContext(None, "0123abc", {})


def release(workspace: Path, name: str, files: dict[str, str] | None = None) -> Path:
    """A complete release of one file, or of `files`."""
    folder = release_folder(workspace, name)
    for file, text in (files or {"model.pt": name}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    write_manifest(folder)
    return folder


def decided(workspace: Path, decision: Decision, *batches: TakenBatch, kind: Any = "update") -> Update:
    update = begin(workspace, kind, batches, champion_of(workspace), NOW)
    update.decide(decision)
    update.write("done.json", {"ended": NOW})
    return update


# The ledger


def test_updates_are_numbered_and_say_what_they_took(tmp_path: Path) -> None:
    assert updates(tmp_path) == ()
    batches = (TakenBatch("b", "d1"), TakenBatch("a", "d2"))
    one = begin(tmp_path, "first", (), None, NOW)
    two = begin(tmp_path, "update", batches, "0001", NOW, "why")
    assert [update.name for update in updates(tmp_path)] == ["0001", "0002"]
    assert (one.kind, one.batches, one.champion, one.decision, one.done) == ("first", (), None, None, False)
    assert (two.kind, two.batches, two.champion) == ("update", batches, "0001")
    assert (two.reason, two.began, two.stored_name(batches[0])) == ("why", NOW, "0002-b")
    decision = Decision(None, ("too bad",), ("b",))
    two.decide(decision)
    assert two.decision == decision
    assert not decision.accepted


def test_more_than_9999_updates_stay_in_order(tmp_path: Path) -> None:
    (tmp_path / "updates" / "9999").mkdir(parents=True)
    assert begin(tmp_path, "update", (), None, NOW).name == "10000"
    assert [update.name for update in updates(tmp_path)] == ["9999", "10000"]


def test_what_a_kill_leaves_is_no_update(tmp_path: Path) -> None:
    for name in (".0001.partial", "notes", "1"):
        (tmp_path / "updates" / name).mkdir(parents=True)
    assert updates(tmp_path) == ()
    assert begin(tmp_path, "first", (), None, NOW).name == "0001"


def test_an_update_may_be_decided_from_the_beginning(tmp_path: Path) -> None:
    decision = Decision("0001", ("alarms",))
    assert begin(tmp_path, "rollback", (), "0002", NOW, "alarms", decision).decision == decision


def test_a_damaged_entry_is_one_sentence(tmp_path: Path) -> None:
    update = begin(tmp_path, "first", (), None, NOW)
    (update.folder / "decision.json").write_text('{"release": ')
    with pytest.raises(InputError, match=r"decision\.json is damaged .*: restore it from a backup"):
        champion_of(tmp_path)


def test_the_champion_is_of_the_last_decision_with_a_complete_release(tmp_path: Path) -> None:
    assert champion_of(tmp_path) is None
    decided(tmp_path, Decision(None, ("no",)), kind="first")
    assert champion_of(tmp_path) is None
    release(tmp_path, "0002")
    decided(tmp_path, Decision("0002", ()), kind="first")
    assert champion_of(tmp_path) == "0002"
    decided(tmp_path, Decision(None, ("worse",), ("b",)))
    assert champion_of(tmp_path) == "0002"
    begin(tmp_path, "update", (), "0002", NOW)  # undecided
    assert champion_of(tmp_path) == "0002"
    last = release(tmp_path, "0005", {"model.pt": "x", "deep/file": "y"})
    decided(tmp_path, Decision("0005", ()))
    assert champion_of(tmp_path) == "0005"
    decided(tmp_path, Decision("0002", ("alarms",)), kind="rollback")
    assert champion_of(tmp_path) == "0002"
    decided(tmp_path, Decision("0005", ("false alarms",)), kind="rollback")
    (last / "deep/file").unlink()
    assert champion_of(tmp_path) == "0002"  # what is not whole serves nobody
    (last / "deep/file").write_text("y")
    (last / "manifest.json").unlink()
    assert champion_of(tmp_path) == "0002"


def test_a_batch_counts_as_learnt_while_the_cohort_has_it(tmp_path: Path) -> None:
    decided(tmp_path, Decision(None, ("worse",), ("b",)), TakenBatch("b", "refused"))
    decided(tmp_path, Decision("0002", ()), TakenBatch("b", "learnt"), TakenBatch("c", "also learnt"))
    begin(tmp_path, "update", (TakenBatch("d", "undecided"),), "0002", NOW)
    cohort = ["0002-b", "0002-c"]
    found = {
        name: learnt_in(tmp_path, name, cohort) for name in ("refused", "learnt", "also learnt", "undecided")
    }
    assert found == {"refused": None, "learnt": "0002", "also learnt": "0002", "undecided": None}
    assert learnt_in(tmp_path, "learnt", []) is None  # rolled back


# The inbox


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name, text in (("b/x/1", "1"), ("b/2", "2"), ("a/1", "1"), (".on-its-way/1", "1")):
        file = tmp_path / "inbox" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "inbox" / "c.zip").write_text("PK")
    return tmp_path


def test_batches_wait_in_the_order_of_their_names(workspace: Path, tmp_path: Path) -> None:
    assert [batch.name for batch in inbox.waiting(workspace, None)] == ["a", "b", "c.zip"]
    assert [batch.name for batch in inbox.waiting(workspace, 2)] == ["a", "b"]
    assert inbox.waiting(tmp_path / "none", None) == ()


def test_a_digest_stands_for_every_byte_and_every_name(workspace: Path) -> None:
    folder = workspace / "inbox" / "b"
    before = inbox.digest_of(folder)
    changes: list[Callable[[], object]] = [
        lambda: (folder / "2").write_text("3"),
        lambda: (folder / "2").write_text("2 "),
        lambda: (folder / "2").rename(folder / "3"),
        lambda: (folder / "x/1").rename(folder / "x1"),
        lambda: (folder / "2").unlink(),
        lambda: (folder / "empty").touch(),
    ]
    original = workspace / "original"
    shutil.copytree(folder, original)
    digests = {before}
    for change in changes:
        change()
        digests.add(inbox.digest_of(folder))
        shutil.rmtree(folder)
        shutil.copytree(original, folder)
        assert inbox.digest_of(folder) == before
    assert len(digests) == len(changes) + 1
    assert inbox.digest_of(original) == before  # whatever the folder's own name


def test_a_batch_is_put_away_once(workspace: Path) -> None:
    batch = TakenBatch("b", "d")
    for _ in range(2):
        inbox.put_away(workspace, batch, "0001-b", inbox.TAKEN)
    assert (workspace / "taken/0001-b/x/1").read_text() == "1"
    assert not (workspace / "inbox/b").exists()
    # Another one of the same name is left alone: the first call had its own.
    (workspace / "inbox/b").mkdir()
    inbox.put_away(workspace, batch, "0001-b", inbox.TAKEN)
    assert (workspace / "inbox/b").exists()


def test_a_batch_that_has_gone_is_one_sentence(workspace: Path) -> None:
    with pytest.raises(InputError, match="has gone since an update began with it"):
        inbox.put_away(workspace, TakenBatch("z", "d"), "0001-z", inbox.HELD)


def test_a_batch_has_a_layout_and_a_name(tmp_path: Path) -> None:
    write_good_folder(tmp_path / "batch_1.a-b")
    inbox.check_is_batch(tmp_path / "batch_1.a-b")
    for name in ("with space", "it's", "a[1]", "é"):
        (tmp_path / "batch_1.a-b").rename(tmp_path / name)
        with pytest.raises(InputError, match="name may have letters"):
            inbox.check_is_batch(tmp_path / name)
        (tmp_path / name).rename(tmp_path / "batch_1.a-b")
    (tmp_path / "batch_1.a-b" / "scp_statements.csv").unlink()
    with pytest.raises(InputError, match=r"it has no scp_statements\.csv"):
        inbox.check_is_batch(tmp_path / "batch_1.a-b")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="it has no records100"):
        inbox.check_is_batch(tmp_path / "file")


# Releases


def test_a_manifest_tells_what_is_not_as_it_was(tmp_path: Path) -> None:
    folder = release(tmp_path, "0001", {"a": "1", "b": "2", "deep/c": "3"})
    assert differences(folder) == {}
    assert sorted(read_manifest(folder)) == ["a", "b", "deep/c"]
    (folder / "a").write_text("9")
    (folder / "b").unlink()
    (folder / "deep/d").touch()
    assert differences(folder) == {"a": "changed", "b": "missing", "deep/d": "added"}
    assert not is_complete(folder)
    (folder / "b").write_text("2")
    assert is_complete(folder)  # bytes are not looked at


@pytest.mark.parametrize("text", ["", "[]", '{"sha256": []}', '{"sha256": {"a": 1}}', "{}"])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    folder = release(tmp_path, "0001")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match="is no release"):
        differences(folder)
    assert not is_complete(folder)
    assert not is_complete(tmp_path / "none")


def test_a_workspace_for_updates_is_not_released_by_hand(place: Workspace) -> None:
    with pytest.raises(InputError, match="'veribeat retrain' makes its releases"):
        release_by_hand(place, "v1", "baseline", "why not", (), None)


# The cohort


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for updates on six records; not to be changed."""
    folder = tmp_path_factory.mktemp("cohort")
    write_good_folder(folder / "data")
    create_workspace(folder / "study", folder / "data", RETRAINING)
    return folder / "study"


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Workspace:
    """A copy that has a champion: the release 0001, made in its present state."""
    place = Workspace.at(shutil.copytree(made, tmp_path / "study", symlinks=True))
    (place.path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  gone:\n    cmd: python\n")
    _released(place, "0001")
    decided(place.path, Decision("0001", ()), kind="first")
    return place


def _released(place: Workspace, name: str) -> None:
    release(place.path, name, {file: (place.path / file).read_text() for file in STATE} | {"model.pt": name})


@pytest.fixture
def batch(tmp_path: Path) -> tuple[Path, Path]:
    """A batch with records 11 to 13, of which 11 and 13 are accepted."""
    folder, rows = tmp_path / "batch", [row(ecg_id) for ecg_id in (11, 12, 13)]
    for ecg_id in (11, 12, 13):
        write_record(folder / filename(ecg_id), signal(ecg_id))
    write_tables(folder, rows)
    accepted = tmp_path / "accepted.csv"
    pd.DataFrame({"ecg_id": [11, 13], "filename": [filename(11), filename(13)]}).to_csv(accepted, index=False)
    return folder, accepted


def state(place: Workspace) -> dict[str, bytes]:
    """Parameters, pipeline and batches."""
    files = [place.path / name for name in STATE]
    files += sorted(path for path in (place.path / "batches").rglob("*") if path.is_file())
    return {str(file.relative_to(place.path)): file.read_bytes() for file in files}


def test_accepted_records_become_part_of_the_cohort_once(place: Workspace, batch: tuple[Path, Path]) -> None:
    cohort.extend(place, {"0002-b": batch}, "0001")
    first = state(place)
    params = place.params()
    assert params.cohort.batches == ["0002-b"]
    assert (params.retrain.champion, params.explain.arm) == ("0001", "challenger")
    assert place.dvc_yaml_is_current()
    folder = place.path / "batches" / "0002-b"
    table = pd.read_csv(folder / "ptbxl_database.csv")
    assert table["ecg_id"].tolist() == [11, 13]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(
        ["ptbxl_database.csv", "scp_statements.csv"]
        + [f"{filename(k)}{ending}" for k in (11, 13) for ending in (".dat", ".hea")]
    )
    assert (place.path / "batches" / "0002-b.dvc").is_file()
    cohort.extend(place, {"0002-b": batch}, "0001")
    assert state(place) == first


def test_what_a_kill_left_of_an_extension_is_made_good(place: Workspace, batch: tuple[Path, Path]) -> None:
    cohort.extend(place, {"0002-b": batch}, "0001")
    whole = state(place)
    (place.path / "batches" / "0002-b.dvc").unlink()
    (place.path / "batches" / ".0003-c.partial").mkdir()
    shutil.copyfile(release_folder(place.path, "0001") / "params.yaml", place.params_file)
    cohort.extend(place, {"0002-b": batch}, "0001")
    assert state(place) == whole


def test_batches_of_the_champion_stay_and_those_of_others_go(
    place: Workspace, batch: tuple[Path, Path]
) -> None:
    cohort.extend(place, {"0002-b": batch}, "0001")
    _released(place, "0002")
    cohort.extend(place, {"0003-c": batch}, "0002")
    assert place.params().cohort.batches == ["0002-b", "0003-c"]
    cohort.extend(place, {"0004-d": batch}, "0001")  # after a rollback
    assert place.params().cohort.batches == ["0004-d"]
    assert place.params().retrain.champion == "0001"


def test_parameters_that_were_edited_meanwhile_stay(place: Workspace, batch: tuple[Path, Path]) -> None:
    place.set_params(["retrain.judge.limits.ece=0.01"])
    cohort.extend(place, {"0002-b": batch}, "0001")
    assert place.params().retrain.judge.limits.ece == 0.01


def test_a_batch_that_changed_since_its_screening_is_refused(
    place: Workspace, batch: tuple[Path, Path]
) -> None:
    write_tables(batch[0], [row(11), row(12)])
    with pytest.raises(InputError, match="has changed since it was screened"):
        cohort.extend(place, {"0002-b": batch}, "0001")
    assert not (place.path / "batches" / "0002-b").exists()


def test_a_rejected_batch_leaves_nothing_and_restoring_twice_is_restoring_once(
    place: Workspace, batch: tuple[Path, Path]
) -> None:
    before = state(place)
    cohort.extend(place, {"0002-b": batch}, "0001")
    for _ in range(2):
        cohort.restore(place, "0001")
        cohort.drop(place, "0002-b")
        assert state(place) == before


def test_dvc_does_not_take_releases_for_pipelines(place: Workspace, batch: tuple[Path, Path]) -> None:
    """They hold dvc.yaml, dvc.lock and files such as NAME.dvc, and so does the evidence of updates."""
    cohort.extend(place, {"0002-b": batch}, "0001")
    tracked = place.path / "batches" / "0002-b.dvc"
    release(place.path, "0002", {"dvc.yaml": place.dvc_yaml(), "batches/0002-b.dvc": tracked.read_text()})
    evidence = place.path / "updates" / "0002" / "evidence"
    evidence.mkdir(parents=True)
    (evidence / "dvc.yaml").write_text(place.dvc_yaml())
    for where in ("inbox", "taken", "held"):
        (place.path / where / "x").mkdir(parents=True)
        shutil.copyfile(tracked, place.path / where / "x" / "other.dvc")
    found = json.loads(run_quietly(["dvc", "status", "--json"], place.path))
    assert set(found) == {stage.name for stage in place.stages()}  # none of which has run; the batch is there


# Steps


def test_the_next_update_is_the_unfinished_one_then_the_inbox(place: Workspace) -> None:
    assert steps.next_update(place, NOW) is None
    for name in ("b", "a"):
        (place.path / "inbox" / name).mkdir(parents=True)
        (place.path / "inbox" / name / "x").write_text(name)
    begun = steps.next_update(place, NOW)
    assert begun is not None
    assert (begun.name, begun.kind, begun.champion) == ("0002", "update", "0001")
    assert [batch.name for batch in begun.batches] == ["a"]  # retrain.batches is 1
    assert steps.next_update(place, NOW) == begun
    begun.decide(Decision(None, ("no",), ("a",)))
    assert steps.next_update(place, NOW) == begun
    steps.settle(place, begun, NOW)
    later = steps.next_update(place, NOW)
    assert later is not None
    assert [batch.name for batch in later.batches] == ["b"]
    assert (place.path / "held/0002-a/x").read_text() == "a"


def test_without_a_champion_the_first_update_takes_nothing(made: Path, tmp_path: Path) -> None:
    place = Workspace.at(shutil.copytree(made, tmp_path / "study", symlinks=True))
    (place.path / "inbox" / "a").mkdir(parents=True)
    begun = steps.next_update(place, NOW)
    assert begun is not None
    assert (begun.kind, begun.batches, begun.champion) == ("first", (), None)


def test_settling_twice_is_settling_once(place: Workspace, batch: tuple[Path, Path]) -> None:
    before = state(place)
    (place.path / "inbox").mkdir()
    for name in ("a", "b"):
        shutil.copytree(batch[0], place.path / "inbox" / name)
    taken = inbox.waiting(place.path, None)
    update = begin(place.path, "update", taken, "0001", NOW)
    cohort.extend(place, {"0002-b": (place.path / "inbox" / "b", batch[1])}, "0001")
    update.decide(Decision(None, ("worse",), ("a", "b")))
    for _ in range(2):
        steps.settle(place, update, NOW)
        assert state(place) == before
        assert sorted(path.name for path in (place.path / "held").iterdir()) == ["0002-a", "0002-b"]
        assert not any((place.path / "inbox").iterdir())


# The registry

quieten()


def served_release(place: Workspace, name: str) -> None:
    """A release whose model can be logged."""
    folder = release_folder(place.path, name)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(build_backbone("cnn_gru_flow").state_dict(), folder / "model.pt")
    description = {
        "backbone": "cnn_gru_flow",
        "classes": SUPERCLASSES,
        "leads": LEADS,
        "record_samples": RECORD_SAMPLES,
        "sampling_rate": SAMPLING_RATE,
        "thresholds": dict.fromkeys(SUPERCLASSES, 0.5),
    }
    (folder / "classifier.json").write_text(json.dumps(description))
    for file in STATE:
        shutil.copyfile(place.path / file, folder / file)
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
def logged(place: Workspace, store: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace with a store of its own, and releases 0001 and 0002 that can be logged."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(store, place.path / "mlflow")
    for name in ("0001", "0002"):
        served_release(place, name)
    return place


def runs(place: Workspace) -> list[Any]:
    found = registry._store(place)
    return list(found.client.search_runs([found.experiment_id]))


def versions(place: Workspace) -> list[str]:
    client = registry._store(place).client
    found = client.search_model_versions(f"name = '{registry.model_name(place)}'")
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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0001", "is the champion already"),
        ("0009", "There is no release '0009', only 0001, 0002"),
        ("../releases/0002", "There is no release"),
        ("", "There is no release"),
    ],
)
def test_a_rollback_that_cannot_be_changes_nothing(logged: Workspace, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        roll_back(logged, name, "why", NOW)
    assert len(updates(logged.path)) == 1


def test_a_damaged_release_or_an_unfinished_update_stops_a_rollback(logged: Workspace) -> None:
    (release_folder(logged.path, "0002") / "model.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"0002/model\.pt is changed: restore the release"):
        roll_back(logged, "0002", "why", NOW)
    begin(logged.path, "update", (), "0001", NOW)
    with pytest.raises(InputError, match="Update 0002 is unfinished"):
        roll_back(logged, "0002", "why", NOW)
