"""`veribeat retrain` and `rollback` on a simulated stream: what becomes champion, what is held, and what a kill leaves.

Prefect's server is started once for all of them.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from updated import CLEAN, FAULTY, LATER, Updated, surroundings

from flows.prefect_server import prefect_server
from flows.release.audit import audit
from flows.release.contents import release_folder
from flows.release.manifest import differences, is_complete
from flows.release.signature import load_public_key, write_key_pair
from flows.retrain import registry
from flows.retrain.ledger import champion_of, updates
from flows.tracking.projection import KEY

pytestmark = [pytest.mark.hours, pytest.mark.timeout(1800)]

IMPOSSIBLE = "retrain.judge.limits.ece=0.0"
"""A limit that no model keeps."""

LONGEST_WAIT = 75.0
"""Seconds after the start of an update within which it is killed."""


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        with prefect_server(tmp_path_factory.mktemp("server")):
            yield


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """With the first champion; not to be changed."""
    study = Updated.make(tmp_path_factory.mktemp("first"))
    study.retrain()
    return study


@pytest.fixture(scope="module")
def second(first: Updated, tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """After an update by a clean batch; not to be changed."""
    study = first.copied(tmp_path_factory.mktemp("second"))
    study.comes_in(CLEAN)
    write_key_pair(study.path / "key", study.path / "key.pub")
    study.retrain("--key", str(study.path / "key"))
    return study


def released(study: Updated) -> list[str]:
    return sorted(path.name for path in (study.path / "releases").iterdir())


def learnt(study: Updated, release: str) -> set[int]:
    return set(pd.read_csv(release_folder(study.path, release) / "learnt.csv")["ecg_id"])


def ecg_ids(study: Updated, batch: str) -> set[int]:
    table = pd.read_csv(study.stream / "inbox" / batch / "ptbxl_database.csv", usecols=["ecg_id"])
    return set(table["ecg_id"])


def test_the_first_update_makes_the_first_champion(first: Updated) -> None:
    (update,) = updates(first.path)
    assert (update.kind, update.batches, update.champion) == ("first", (), None)
    assert champion_of(first.path) == update.name == "0001"
    assert differences(release_folder(first.path, "0001")) == {}
    assert first.place.params().explain.arm == "baseline"


def test_with_an_empty_inbox_nothing_is_new(first: Updated, tmp_path: Path) -> None:
    study = first.copied(tmp_path)
    before = study.outputs()
    study.veribeat("retrain")
    assert len(updates(study.path)) == 1
    assert study.outputs() == before
    study.check()


def test_a_clean_batch_is_learnt_from(first: Updated, second: Updated) -> None:
    update = second.last
    assert update.decision is not None
    assert (update.decision.release, update.decision.held) == ("0002", ())
    assert champion_of(second.path) == "0002"
    assert second.places_of(CLEAN) == ["taken"]
    assert differences(release_folder(second.path, "0002")) == {}
    new = learnt(second, "0002") - learnt(first, "0001")
    accepted = pd.read_csv(update.folder / "screening" / f"0002-{CLEAN}" / "accepted.csv")["ecg_id"]
    assert new == set(accepted)
    assert len(new) > 0.5 * len(ecg_ids(second, CLEAN))
    assert learnt(first, "0001") <= learnt(second, "0002")
    stored = second.path / "batches" / f"0002-{CLEAN}"
    assert set(pd.read_csv(stored / "ptbxl_database.csv")["ecg_id"]) == new
    # Exactly the files of these records: what is quarantined does not enter the cohort's versions.
    assert len(list((stored / "records100").rglob("*.dat"))) == len(new)


def test_releases_say_what_they_rest_on_and_are_signed_where_there_is_a_key(second: Updated) -> None:
    for name, signed in (("0001", False), ("0002", True)):
        folder = release_folder(second.path, name)
        key = load_public_key(second.path / "key.pub") if signed else None
        assert audit(folder, key, None, 0.0, print).verdict == "intact"
        assert (folder / "manifest.sig").is_file() == signed
        decision = json.loads((folder / "decision.json").read_text())
        assert (decision["kind"], decision["accepted"]) == ("update" if signed else "first", True)
        provenance = json.loads((folder / "provenance.json").read_text())
        assert provenance["stages"][-1] == "challenge"
        assert f"{provenance['mlflow']['tag']}".startswith(f"{KEY}=update {name} ")
        assert "challenge" in (folder / "change_record.md").read_text()
        assert not list(folder.rglob("*.h5"))
    refused = second.veribeat("retrain", "--key", str(second.path / "key.pub"), code=2)
    assert "is not a private key" in refused


def test_the_challenger_begins_with_the_champion_and_is_judged_against_it(second: Updated) -> None:
    params = second.place.params()
    assert (params.retrain.champion, params.explain.arm) == ("0001", "challenger")
    scores = pd.read_csv(second.path / "out/challenge/scores.csv")
    assert set(scores["set"]) == {"reference", "unseen", "new"}
    assert scores["champion"].notna().any()
    evidence = second.last.folder / "evidence"
    assert {file.name for file in evidence.iterdir()} >= {"acceptance.csv", "scores.csv", "dvc.lock"}


def test_the_same_batch_again_is_held(second: Updated, tmp_path: Path) -> None:
    study = second.copied(tmp_path)
    before = study.outputs()
    study.comes_in(CLEAN, "again")
    update = study.retrain()
    assert update.decision is not None
    assert (update.decision.release, update.decision.held) == (None, ("again",))
    assert "the same, byte for byte, as a batch of update 0002" in update.decision.reasons[0]
    assert study.places_of("again") == ["held"]
    assert champion_of(study.path) == "0002"
    assert study.outputs() == before


def test_what_cannot_be_used_is_held_and_the_rest_goes_on(second: Updated, tmp_path: Path) -> None:
    """Nothing but faults; no PTB-XL folder; a file; a name that params.yaml could not hold. One batch an update."""
    study = second.copied(tmp_path)
    before = study.outputs()
    study.comes_in(FAULTY, "a-faulty")
    (study.path / "inbox" / "b-none").mkdir()
    (study.path / "inbox" / "b-none" / "notes.txt").write_text("nothing here")
    (study.path / "inbox" / "c.zip").write_bytes(b"PK")
    study.comes_in(LATER, "d one's own")
    (study.path / "inbox" / ".e-on-its-way").mkdir()
    for name, words in (
        ("a-faulty", "are quarantined (limit 50%)"),
        ("b-none", "no folder in PTB-XL's layout"),
        ("c.zip", "no folder in PTB-XL's layout"),
        ("d one's own", "name may have letters"),
    ):
        update = study.retrain()
        assert [batch.name for batch in update.batches] == [name]
        assert update.decision is not None
        assert not update.decision.accepted
        assert words in " ".join(update.decision.reasons)
        assert study.places_of(name) == ["held"]
        assert study.outputs() == before
    assert len(updates(study.path)) == 6
    study.veribeat("retrain")
    assert len(updates(study.path)) == 6
    assert [path.name for path in (study.path / "inbox").iterdir()] == [".e-on-its-way"]


def test_a_limit_that_is_broken_keeps_the_champion(first: Updated, tmp_path: Path) -> None:
    study = first.copied(tmp_path)
    before = study.outputs()
    study.comes_in(CLEAN)
    study.veribeat("retrain", "--set", IMPOSSIBLE)
    update = study.last
    assert update.done
    assert update.decision is not None
    assert (update.decision.release, update.decision.held) == (None, (CLEAN,))
    assert "ece of all is" in update.decision.reasons[0]
    assert study.places_of(CLEAN) == ["held"]
    assert released(study) == ["0001"]
    assert not (study.path / "batches" / f"0002-{CLEAN}").exists()
    assert {path: text for path, text in study.outputs().items() if path in before} == before
    # What the user has set stays set; but for that everything is as it was.
    assert study.place.params().retrain.judge.limits.ece == 0.0
    (study.path / "params.yaml").write_bytes(
        (release_folder(study.path, "0001") / "params.yaml").read_bytes()
    )
    study.check()


def test_an_earlier_release_can_be_put_back_and_learnt_on_from(second: Updated, tmp_path: Path) -> None:
    study = second.copied(tmp_path)
    for release, words in (("0002", "is the champion already"), ("0007", "There is no release '0007', only")):
        assert words in study.veribeat("rollback", release, "--reason", "none", code=2)
    study.veribeat("rollback", "0001", "--reason", "alarms at night")
    update = study.last
    assert (update.kind, update.reason, update.done) == ("rollback", "alarms at night", True)
    assert champion_of(study.path) == "0001"
    study.check()
    assert study.place.params().cohort.batches == []
    study.comes_in(LATER)
    later = study.retrain()
    assert (later.champion, champion_of(study.path)) == ("0001", later.name)
    assert not learnt(study, later.name) & ecg_ids(study, CLEAN)


@pytest.mark.parametrize("moment", range(20))
def test_a_killed_update_can_be_run_again(first: Updated, tmp_path: Path, moment: int) -> None:
    study = first.copied(tmp_path)
    study.comes_in(CLEAN)
    study.comes_in(LATER)
    wait = random.Random(moment).uniform(0, LONGEST_WAIT)
    # Every other time only the flow dies, and leaves DVC and the stage at work.
    run_and_kill(study, wait, everything=moment % 2 == 0)
    check_nothing_is_lost(study)
    run_until_done(study)
    check_nothing_is_lost(study)
    study.check()
    champion = champion_of(study.path)
    decided = [update.decision.release for update in updates(study.path) if update.decision]
    assert champion == [release for release in decided if release is not None][-1]
    assert champion is not None
    assert is_complete(release_folder(study.path, champion))
    assert differences(release_folder(study.path, champion)) == {}
    assert registry.served(study.place) == champion
    accepted = [
        batch.digest
        for update in updates(study.path)
        if update.decision is not None and update.decision.accepted
        for batch in update.batches
        if batch.name not in update.decision.held
    ]
    assert max(Counter(accepted).values(), default=1) == 1


def check_nothing_is_lost(study: Updated) -> None:
    for batch in (CLEAN, LATER):
        assert len(study.places_of(batch)) == 1, batch


def run_and_kill(study: Updated, wait: float, *, everything: bool) -> None:
    process = subprocess.Popen(
        study.command("retrain"),
        env=surroundings(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(wait)
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        if everything:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def run_until_done(study: Updated) -> None:
    """Run again; where the killed flow left its stage at work, the run is refused until that ends."""
    for _ in range(60):
        done = subprocess.run(
            study.command("retrain"),
            env=surroundings(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        output = done.stdout + done.stderr
        if done.returncode == 0:
            return
        assert done.returncode == 2, output
        # Busy: DVC's own lock, held by what the killed flow was waiting for.
        assert any(words in output for words in ("already running", "busy")), output
        time.sleep(2)
    pytest.fail("the stage that the killed flow left behind never ended")
