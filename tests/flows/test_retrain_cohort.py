"""What an update does to the cohort and to the inbox, without a training."""

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from bad_records import filename, row, signal, write_record, write_tables
from bare_updates import NOW, release, release_of_state

from flows.folders import new_folder
from flows.process import run_quietly
from flows.release.contents import STATE, release_folder
from flows.release.record import Making
from flows.retrain import cohort, inbox, steps
from flows.retrain.ledger import Decision, begin
from flows.workspace import Workspace
from veribeat.data.wfdb_record import read_record
from veribeat.errors import InputError


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


def state(study: Workspace) -> dict[str, bytes]:
    """Parameters, pipeline and batches."""
    files = [study.path / name for name in STATE]
    files += sorted(path for path in (study.path / "batches").rglob("*") if path.is_file())
    return {str(file.relative_to(study.path)): file.read_bytes() for file in files}


def test_accepted_records_become_part_of_the_cohort_once(study: Workspace, batch: tuple[Path, Path]) -> None:
    cohort.extend(study, {"0002-b": batch}, "0001")
    first = state(study)
    params = study.params()
    assert params.cohort.batches == ["0002-b"]
    assert (params.retrain.champion, params.explain.arm) == ("0001", "challenger")
    assert study.dvc_yaml_is_current()
    folder = study.path / "batches" / "0002-b"
    table = pd.read_csv(folder / "ptbxl_database.csv")
    assert table["ecg_id"].tolist() == [11, 13]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(
        ["ptbxl_database.csv", "scp_statements.csv"]
        + [f"{filename(k)}{ending}" for k in (11, 13) for ending in (".dat", ".hea")]
    )
    assert (study.path / "batches" / "0002-b.dvc").is_file()
    cohort.extend(study, {"0002-b": batch}, "0001")
    assert state(study) == first


def test_what_a_kill_left_of_an_extension_is_made_good(study: Workspace, batch: tuple[Path, Path]) -> None:
    cohort.extend(study, {"0002-b": batch}, "0001")
    whole = state(study)
    (study.path / "batches" / "0002-b.dvc").unlink()
    (study.path / "batches" / ".0003-c.partial").mkdir()
    shutil.copyfile(release_folder(study.path, "0001") / "params.yaml", study.params_file)
    cohort.extend(study, {"0002-b": batch}, "0001")
    assert state(study) == whole


def test_batches_of_the_champion_stay_and_those_of_others_go(
    study: Workspace, batch: tuple[Path, Path]
) -> None:
    cohort.extend(study, {"0002-b": batch}, "0001")
    release_of_state(study, "0002")
    cohort.extend(study, {"0003-c": batch}, "0002")
    assert study.params().cohort.batches == ["0002-b", "0003-c"]
    cohort.extend(study, {"0004-d": batch}, "0001")  # after a rollback
    assert study.params().cohort.batches == ["0004-d"]
    assert study.params().retrain.champion == "0001"


def test_parameters_that_were_edited_meanwhile_stay(study: Workspace, batch: tuple[Path, Path]) -> None:
    study.set_params(["retrain.judge.limits.ece=0.01"])
    cohort.extend(study, {"0002-b": batch}, "0001")
    assert study.params().retrain.judge.limits.ece == 0.01


def test_signal_files_may_have_names_of_their_own(study: Workspace, batch: tuple[Path, Path]) -> None:
    """As `ingest` accepts them."""
    header = (batch[0] / filename(11)).with_suffix(".hea")
    header.write_text(header.read_text().replace("00011_lr.dat", "eleven.dat"))
    header.with_suffix(".dat").replace(header.with_name("eleven.dat"))
    cohort.extend(study, {"0002-b": batch}, "0001")
    stored = study.path / "batches" / "0002-b" / filename(11)
    assert read_record(stored.parent.resolve(), stored.name, 20.0, True).tolist() == signal(11).tolist()


def _another_table(batch: Path) -> None:
    write_tables(batch, [row(11), row(12)])


def _without_a_header(batch: Path) -> None:
    (batch / filename(11)).with_suffix(".hea").unlink()


@pytest.mark.parametrize("change", [_another_table, _without_a_header])
def test_a_batch_that_changed_since_its_screening_is_refused(
    study: Workspace, batch: tuple[Path, Path], change: Callable[[Path], None]
) -> None:
    change(batch[0])
    with pytest.raises(InputError, match="has changed since it was screened"):
        cohort.extend(study, {"0002-b": batch}, "0001")
    assert not (study.path / "batches" / "0002-b").exists()


def test_a_rejected_batch_leaves_nothing_and_restoring_twice_is_restoring_once(
    study: Workspace, batch: tuple[Path, Path]
) -> None:
    before = state(study)
    cohort.extend(study, {"0002-b": batch}, "0001")
    for _ in range(2):
        cohort.restore(study, "0001")
        cohort.drop(study, "0002-b")
        assert state(study) == before


def test_dvc_does_not_take_releases_for_pipelines(study: Workspace, batch: tuple[Path, Path]) -> None:
    """They hold dvc.yaml, dvc.lock and files such as NAME.dvc, and so does the evidence of updates."""
    cohort.extend(study, {"0002-b": batch}, "0001")
    tracked = study.path / "batches" / "0002-b.dvc"
    release(study.path, "0002", {"dvc.yaml": study.dvc_yaml(), "batches/0002-b.dvc": tracked.read_text()})
    evidence = study.path / "updates" / "0002" / "evidence"
    evidence.mkdir(parents=True)
    (evidence / "dvc.yaml").write_text(study.dvc_yaml())
    for where in ("inbox", "taken", "held"):
        (study.path / where / "x").mkdir(parents=True)
        shutil.copyfile(tracked, study.path / where / "x" / "other.dvc")
    found = json.loads(run_quietly(["dvc", "status", "--json"], study.path))
    assert set(found) == {stage.name for stage in study.stages()}  # none of which has run; the batch is there


def test_what_dvc_cannot_do_it_says_why(study: Workspace, batch: tuple[Path, Path]) -> None:
    lock = study.path / ".dvc" / "tmp" / "lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=f"^Another DVC process is busy in {study.path}: wait"):
            cohort.extend(study, {"0002-b": batch}, "0001")
    cache = study.path / ".dvc" / "cache"
    cache.write_text("no folder")
    with pytest.raises(
        InputError, match=r"^'dvc add batches/0002-b' failed in .*: .*(Not a directory|File exists)"
    ):
        cohort.extend(study, {"0002-b": batch}, "0001")


# Steps


def test_the_next_update_is_the_unfinished_one_then_the_inbox(study: Workspace) -> None:
    assert steps.next_update(study, NOW) is None
    for name in ("b", "a"):
        (study.path / "inbox" / name).mkdir(parents=True)
        (study.path / "inbox" / name / "x").write_text(name)
    begun = steps.next_update(study, NOW)
    assert begun is not None
    assert (begun.name, begun.kind, begun.champion) == ("0002", "update", "0001")
    assert [batch.name for batch in begun.batches] == ["a"]  # retrain.batches is 1
    assert steps.next_update(study, NOW) == begun
    begun.decide(Decision(None, ("no",), ("a",)))
    assert steps.next_update(study, NOW) == begun
    steps.settle(study, begun, NOW, print)
    later = steps.next_update(study, NOW)
    assert later is not None
    assert [batch.name for batch in later.batches] == ["b"]
    assert (study.path / "held/0002-a/x").read_text() == "a"


def test_without_a_champion_the_first_update_takes_nothing(updatable: Path, tmp_path: Path) -> None:
    study = Workspace.at(shutil.copytree(updatable, tmp_path / "study", symlinks=True))
    (study.path / "inbox" / "a").mkdir(parents=True)
    begun = steps.next_update(study, NOW)
    assert begun is not None
    assert (begun.kind, begun.batches, begun.champion) == ("first", (), None)


def test_a_first_champion_that_was_refused_is_not_tried_again_as_it_was(
    updatable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Workspace.at(shutil.copytree(updatable, tmp_path / "study", symlinks=True))
    (study.path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    changed: dict[str, object] = {}
    monkeypatch.setattr(steps, "run_quietly", lambda command, cwd: json.dumps(changed))
    refused = steps.next_update(study, NOW)
    assert refused is not None
    with new_folder(refused.folder / "evidence") as evidence:
        for name in STATE:
            shutil.copyfile(study.path / name, evidence / name)
    refused.decide(Decision(None, ("ece of all is 0.2",)))
    assert steps.next_update(study, NOW) == refused  # to be settled
    steps.settle(study, refused, NOW, print)
    assert steps.next_update(study, NOW) is None
    changed["train-baseline"] = [{"changed deps": {"code/models/training.py": "modified"}}]
    copy = Workspace.at(shutil.copytree(study.path, tmp_path / "copy", symlinks=True))
    later = steps.next_update(copy, NOW)
    assert later is not None
    assert (later.name, later.kind) == ("0002", "first")
    changed.clear()
    study.set_params(["retrain.judge.limits.ece=0.3"])
    later = steps.next_update(study, NOW)
    assert later is not None
    assert (later.name, later.kind) == ("0002", "first")


def outputs_of_challenge(study: Workspace, verdict: str) -> None:
    """What `judge` reads."""
    out = study.path / "out"
    arm = f"train-{study.params().judged}"
    for folder in ("challenge", arm):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "challenge" / "challenge.json").write_text('{"accepted": true, "broken": []}')
    (out / "challenge" / "acceptance.csv").write_text("limit,scope,champion,challenger,low,bound,kept\n")
    (out / "challenge" / "scores.csv").write_text(verdict)
    (out / arm / "selection.csv").write_text("epoch\n")


def test_evidence_and_release_are_of_the_last_attempt(
    study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(place: Workspace, arm: str, name: str, *_: object) -> None:
        made.append(name)
        assert not release_folder(place.path, name).exists()
        release_of_state(place, name)

    monkeypatch.setattr(steps, "write_release", make)
    monkeypatch.setattr(steps, "decision_document", lambda *_: "")
    making = Making(NOW, "0123abc", False, {}, None, ())
    update = begin(study.path, "update", (), "0001", NOW)
    for number, (verdict, value, releases) in enumerate((("1", "0.1", 1), ("1", "0.1", 1), ("2", "0.2", 2))):
        study.set_params([f"retrain.judge.limits.ece={value}"])
        outputs_of_challenge(study, verdict)
        assert steps.judge(study, update, {}).accepted
        evidence = update.folder / "evidence"
        assert (evidence / "scores.csv").read_text() == verdict, number
        assert (evidence / "params.yaml").read_bytes() == study.params_file.read_bytes()
        steps.release(study, update, {}, making, None)
        assert made == ["0002"] * releases
        released = release_folder(study.path, "0002") / "params.yaml"
        assert released.read_bytes() == study.params_file.read_bytes()


def test_settling_twice_is_settling_once(study: Workspace, batch: tuple[Path, Path]) -> None:
    before = state(study)
    (study.path / "inbox").mkdir()
    for name in ("a", "b"):
        shutil.copytree(batch[0], study.path / "inbox" / name)
    taken = inbox.waiting(study.path, None)
    update = begin(study.path, "update", taken, "0001", NOW)
    cohort.extend(study, {"0002-b": (study.path / "inbox" / "b", batch[1])}, "0001")
    update.decide(Decision(None, ("worse",), ("a", "b")))
    for _ in range(2):
        steps.settle(study, update, NOW, print)
        assert state(study) == before
        assert sorted(path.name for path in (study.path / "held").iterdir()) == ["0002-a", "0002-b"]
        assert not any((study.path / "inbox").iterdir())
