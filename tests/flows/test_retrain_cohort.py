"""What an update does to the cohort and to the inbox, without a training."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from bad_records import filename, row, signal, write_record, write_tables
from bare_updates import NOW, make_workspace, release, release_of_state, with_champion

from flows.process import run_quietly
from flows.release.by_hand import release_by_hand
from flows.release.contents import STATE, release_folder
from flows.retrain import cohort, inbox, steps
from flows.retrain.ledger import Decision, begin
from flows.workspace import Workspace
from veribeat.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for updates; not to be changed."""
    return make_workspace(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Workspace:
    """A copy that has a champion."""
    return with_champion(made, tmp_path)


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
    release_of_state(place, "0002")
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


def test_a_workspace_for_updates_is_not_released_by_hand(place: Workspace) -> None:
    with pytest.raises(InputError, match="'veribeat retrain' makes its releases"):
        release_by_hand(place, "v1", "baseline", "why not", (), None)
