"""The bookkeeping of updates, without a training: ledger, inbox and manifest."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_records import write_good_folder
from bare_updates import NOW, decided, release

from flows.release.by_hand import release_by_hand
from flows.release.manifest import differences, is_complete, read_manifest
from flows.retrain import inbox
from flows.retrain.ledger import Decision, TakenBatch, begin, champion_of, learnt_in, updates
from flows.workspace import Workspace
from veribeat.errors import InputError

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


def test_an_update_keeps_the_versions_of_every_process_that_worked_on_it(tmp_path: Path) -> None:
    update = begin(tmp_path, "first", (), None, NOW)
    assert update.other_versions == ()
    update.add_versions(["torch 2 instead of 1"])
    update.add_versions([])  # killed, and gone on with by the pinned packages
    assert update.other_versions == ("torch 2 instead of 1",)
    update.add_versions(["numpy 2 instead of 1", "torch 2 instead of 1"])
    assert update.other_versions == ("numpy 2 instead of 1", "torch 2 instead of 1")


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


def test_a_digest_stands_for_what_links_lead_to(tmp_path: Path) -> None:
    write_good_folder(tmp_path / "elsewhere")
    batch = tmp_path / "batch"
    shutil.copytree(tmp_path / "elsewhere", batch)
    before = inbox.digest_of(batch)
    shutil.rmtree(batch / "records100")
    (batch / "records100").symlink_to(tmp_path / "elsewhere" / "records100")
    assert inbox.digest_of(batch) == before
    signals = next((tmp_path / "elsewhere" / "records100").rglob("*.dat"))
    signals.write_bytes(b"0" * 24000)
    after = inbox.digest_of(batch)
    assert after != before
    (batch / "records100" / "again").symlink_to(batch, target_is_directory=True)  # a circle
    assert inbox.digest_of(batch) == after


def test_a_batch_is_put_away_once(workspace: Path) -> None:
    batch = TakenBatch("b", "d")
    for _ in range(2):
        inbox.put_away(workspace, batch, "0001-b", inbox.TAKEN, print)
    assert (workspace / "taken/0001-b/x/1").read_text() == "1"
    assert not (workspace / "inbox/b").exists()
    # Another one of the same name is left alone: the first call had its own.
    (workspace / "inbox/b").mkdir()
    inbox.put_away(workspace, batch, "0001-b", inbox.TAKEN, print)
    assert (workspace / "inbox/b").exists()


def test_a_batch_that_has_gone_is_one_sentence(workspace: Path) -> None:
    with pytest.raises(InputError, match="has gone since an update began with it"):
        inbox.located(workspace, TakenBatch("z", "d"))


def test_a_batch_that_its_user_has_taken_away_is_not_put_away(workspace: Path) -> None:
    warnings: list[str] = []
    inbox.put_away(workspace, TakenBatch("z", "d"), "0001-z", inbox.HELD, warnings.append)
    assert warnings == [f"{workspace / 'inbox' / 'z'} has gone, so that held/ gets no copy of it."]
    assert not (workspace / "held").exists()


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


def test_a_workspace_for_updates_is_not_released_by_hand(study: Workspace) -> None:
    with pytest.raises(InputError, match="'veribeat retrain' makes its releases"):
        release_by_hand(study, "v1", "baseline", "why not", (), None)
