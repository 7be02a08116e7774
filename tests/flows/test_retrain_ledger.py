"""The ledger of updates, the inbox and releases, without any training."""

from pathlib import Path

import pytest
from fabricated_updates import make_release, make_update

from flows.release.contents import release_folder
from flows.release.manifest import MANIFEST, differences, is_complete
from flows.retrain import inbox
from flows.retrain.ledger import Decision, TakenBatch, Update, accepted_in, champion_of, updates
from veribeat.errors import InputError


def test_the_champion_is_what_the_last_decision_says_that_has_a_complete_release(tmp_path: Path) -> None:
    assert champion_of(tmp_path) is None
    make_update(tmp_path, "first", Decision("0001", ()))
    make_update(tmp_path, "update", Decision(None, ("worse",), ("a",)), "a", champion="0001")
    assert champion_of(tmp_path) == "0001"
    make_update(tmp_path, "update", Decision("0003", ()), "b", champion="0001")
    assert champion_of(tmp_path) == "0003"
    make_update(tmp_path, "rollback", Decision("0001", ("site B",)), champion="0003")
    assert champion_of(tmp_path) == "0001"
    make_update(tmp_path, "update", Decision("0005", ()), "c", champion="0001")
    (release_folder(tmp_path, "0005") / "model.pt").unlink()
    assert champion_of(tmp_path) == "0001"
    assert [update.name for update in updates(tmp_path)] == ["0001", "0002", "0003", "0004", "0005"]


def test_an_update_reads_back_what_was_entered(tmp_path: Path) -> None:
    update = make_update(
        tmp_path, "update", Decision("0001", ("limit",), ("b",)), "a", "b", champion=None, done=False
    )
    again = Update(tmp_path, update.name)
    assert again.kind == "update"
    assert [batch.name for batch in again.batches] == ["a", "b"]
    assert again.decision == Decision("0001", ("limit",), ("b",))
    assert not again.done
    (again.folder / "decision.json").write_text("{")
    with pytest.raises(InputError, match=r"decision.json is damaged"):
        _ = again.decision


def test_only_a_batch_that_was_learnt_from_counts_as_accepted(tmp_path: Path) -> None:
    make_update(tmp_path, "update", Decision("0001", (), ("bad",)), "good", "bad")
    make_update(tmp_path, "update", Decision(None, ("no",), ("refused",)), "refused", champion="0001")
    assert accepted_in(tmp_path, "digest of good") == "0001"
    assert accepted_in(tmp_path, "digest of bad") is None
    assert accepted_in(tmp_path, "digest of refused") is None


def test_batches_wait_in_the_order_of_their_names_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    for name in ("b", "a", ".copying"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
        (tmp_path / "inbox" / name / "file").write_text(name)
    assert [batch.name for batch in inbox.waiting(tmp_path, None)] == ["a", "b"]
    assert [batch.name for batch in inbox.waiting(tmp_path, 1)] == ["a"]
    assert inbox.waiting(tmp_path / "elsewhere", None) == ()


def test_the_digest_of_a_batch_is_of_its_names_and_bytes(tmp_path: Path) -> None:
    for name, file, text in (("a", "x", "1"), ("b", "x", "1"), ("c", "y", "1"), ("d", "x", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    a, b, c, d = (inbox.digest_of(tmp_path / name) for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3


def test_a_batch_is_put_away_once_and_asking_again_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "a").mkdir(parents=True)
    batch = TakenBatch("a", "")
    for _ in range(2):
        inbox.put_away(tmp_path, batch, "0001-a", inbox.TAKEN)
    assert (tmp_path / "taken" / "0001-a").is_dir()
    with pytest.raises(InputError, match="has gone"):
        inbox.located(tmp_path, batch)


def test_every_change_of_a_release_is_named(tmp_path: Path) -> None:
    make_release(tmp_path, "0001")
    folder = release_folder(tmp_path, "0001")
    assert is_complete(folder)
    assert differences(folder) == {}
    (folder / "model.pt").write_bytes(b"other")
    (folder / "more.txt").write_text("")
    assert differences(folder) == {"model.pt": "changed", "more.txt": "added"}
    (folder / "model.pt").unlink()
    assert differences(folder)["model.pt"] == "missing"
    assert not is_complete(folder)
    (folder / MANIFEST).unlink()
    assert not is_complete(folder)
    with pytest.raises(InputError, match="is no release"):
        differences(folder)
