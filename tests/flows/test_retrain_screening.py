"""What of a screening puts a batch away, and what stops the update: without a training."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from bad_records import filename, write_good_folder
from bare_updates import NOW

from flows.process import StreamedProcess
from flows.retrain import steps
from flows.retrain.ledger import Update
from flows.workspace import Workspace
from veribeat.errors import InputError


def begun(study: Workspace, *names: str) -> Update:
    """An update with batches of these names, each of six records of its own."""
    study.set_params([f"retrain.batches={len(names)}"])
    for number, name in enumerate(names, start=1):
        write_good_folder(study.path / "inbox" / name, 6 + number)
    update = steps.next_update(study, NOW)
    assert update is not None
    assert [batch.name for batch in update.batches] == sorted(names)
    return update


def test_another_code_folder_stops_the_update_and_refuses_no_batch(study: Workspace, tmp_path: Path) -> None:
    update = begun(study, "a")
    (tmp_path / "elsewhere").mkdir()
    (study.path / "code").unlink()
    (study.path / "code").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="This workspace records the code in"):
        steps.screen(study, update, update.batches[0], (), print)
    assert (study.path / "inbox" / "a").is_dir()
    assert update.decision is None


@pytest.mark.parametrize(("code", "refused"), [(3, True), (2, False)])
def test_the_exit_code_tells_a_refused_batch_from_other_bad_input(
    study: Workspace, monkeypatch: pytest.MonkeyPatch, code: int, refused: bool
) -> None:
    def lines(process: StreamedProcess) -> list[str]:
        process.returncode = code
        return ["error: it is so."]

    monkeypatch.setattr(StreamedProcess, "lines", lines)
    update = begun(study, "a")
    if refused:
        assert steps.screen(study, update, update.batches[0], (), print) == "a: it is so."
    else:
        with pytest.raises(InputError, match=r"^it is so\.$"):
            steps.screen(study, update, update.batches[0], (), print)


def test_a_batch_that_changed_meanwhile_is_neither_screened_nor_learnt_from(study: Workspace) -> None:
    update = begun(study, "a")
    signals = study.path / "inbox" / "a" / f"{filename(1)}.dat"
    original = signals.read_bytes()
    signals.write_bytes(original[:-1] + b"\0")
    words = "inbox/a has changed since update 0002 began with it: put it back as it was"
    with pytest.raises(InputError, match=words):
        steps.screen(study, update, update.batches[0], (), print)
    with pytest.raises(InputError, match=words):
        steps.extend(study, update, update.batches)
    assert not (study.path / "batches").exists()
    signals.write_bytes(original)
    assert steps.inbox.unchanged(study.path, update, update.batches[0]) == study.path / "inbox" / "a"


def test_the_same_batch_twice_in_an_update_is_refused_once(study: Workspace) -> None:
    for name in ("a", "b"):
        write_good_folder(study.path / "inbox" / name)
    study.set_params(["retrain.batches=2"])
    update = steps.next_update(study, NOW)
    assert update is not None
    one, two = update.batches
    assert steps.screen(study, update, two, (one,), print) == "b is the same, byte for byte, as a"


def test_a_screening_is_told_of_earlier_batches_and_of_the_cohort(
    study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def lines(process: StreamedProcess) -> list[str]:
        commands.append(process.command)
        process.returncode = 3
        return ["error: it is so."]

    monkeypatch.setattr(StreamedProcess, "lines", lines)
    update = begun(study, "a", "b")
    one, two = update.batches
    assert steps.screen(study, update, two, (one,), print) == "b: it is so."
    ((*_, out, champion, source, earlier, accepted, parent),) = commands
    assert (champion, source, earlier) == ("releases/0001", "cohort", "inbox/a")
    assert (out, accepted, parent) == (
        "updates/0002/screening/.0002-b.partial",
        "updates/0002/screening/0002-a/accepted.csv",
        str(os.getpid()),
    )


def test_what_was_accepted_must_have_entered_the_cohort(study: Workspace) -> None:
    update = begun(study, "a")
    out = study.path / "out" / "ingest"
    out.mkdir(parents=True)
    accepted = steps.accepted_of(update, update.batches[0])
    accepted.parent.mkdir(parents=True)
    accepted.write_text("ecg_id,filename\n5,records100/5\n6,records100/6\n")
    pd.DataFrame({"ecg_id": [1, 5, 6]}).to_parquet(out / "records.parquet")
    (out / "quarantine.csv").write_text("ecg_id,file,reason,detail\n6,f,patient in two folds,of 1 and 2\n")
    steps.check_ingested(study, update, update.batches)
    pd.DataFrame({"ecg_id": [1, 5]}).to_parquet(out / "records.parquet")
    with pytest.raises(
        InputError, match=r"left out 1 of the 2 .* ecg_id 6 \(patient in two folds: of 1 and 2\)"
    ):
        steps.check_ingested(study, update, update.batches)


def test_what_is_no_batch_is_refused(study: Workspace) -> None:
    write_good_folder(study.path / "inbox" / "a")
    shutil.rmtree(study.path / "inbox" / "a" / "records100")
    update = steps.next_update(study, NOW)
    assert update is not None
    reason = steps.screen(study, update, update.batches[0], (), print)
    assert reason == "a: it has no records100, so it is no folder in PTB-XL's layout"
