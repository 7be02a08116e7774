"""The steps of an update, each of which may be repeated after a kill without harm."""

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.dvc_engine import StageFailed
from flows.folders import new_folder
from flows.process import StreamedProcess, run_quietly
from flows.release.contents import STATE, release_folder, write_release
from flows.release.manifest import is_complete
from flows.release.reading import SCREENING
from flows.release.record import Making, decision_document
from flows.release.stages import leading_to
from flows.retrain import cohort, inbox
from flows.retrain.ledger import DONE, Decision, TakenBatch, Update, begin, champion_of, learnt_in, updates
from flows.tracking.lock import LOCK_FILE
from flows.workspace import Workspace
from tasks.params.reading import PARAMS_FILE
from tasks.refused_batch import EXIT_BATCH_REFUSED, BatchRefused
from tasks.stage import EXIT_INPUT_ERROR
from veribeat.errors import InputError

Log = Callable[[str], None]

EVIDENCE = "evidence"
"""In an update's folder: what its decision rests on; SCREENING, there as in a release, what its batches are."""

_ERROR = "error: "


def next_update(place: Workspace, began: str) -> Update | None:
    """The update to work on: one that was cut short, else the first champion, else one with batches of the inbox.

    None when there is nothing to do: no batch waits, or a first champion that was refused would be the same again.
    `began` is the time, in ISO 8601.
    """
    known = updates(place.path)
    if known and not known[-1].done:
        return known[-1]
    champion = champion_of(place.path)
    if champion is None:
        if known and _is_as_refused(place, known[-1]):
            return None
        return begin(place.path, "first", (), None, began)
    batches = inbox.waiting(place.path, place.params().retrain.batches)
    return begin(place.path, "update", batches, champion, began) if batches else None


def _is_as_refused(place: Workspace, update: Update) -> bool:
    """Whether nothing has changed since an update refused the first champion: parameters, code or data."""
    refused = update.kind == "first" and update.decision is not None and not update.decision.accepted
    if not refused or not _same(place.path, update.folder / EVIDENCE, STATE):
        return False
    if not place.dvc_yaml_is_current():
        return False
    chain = leading_to(place, ["challenge"])
    return not json.loads(run_quietly(["dvc", "status", "--json", *chain], place.path))


def screen(
    place: Workspace, update: Update, batch: TakenBatch, earlier: Sequence[TakenBatch], log: Log
) -> str | None:
    """Find out which records of a batch may be used; why none of it is, or None.

    `earlier` are the batches of the update that were screened before and are to be learnt from.
    Raises InputError for what is no fault of the batch, such as another environment than the workspace's.
    """
    out = accepted_of(update, batch).parent
    folder = inbox.unchanged(place.path, update, batch)
    learnt = learnt_in(place.path, batch.digest, cohort.batches_of(place, str(update.champion)))
    if learnt is not None:
        return f"{batch.name} is the same, byte for byte, as a batch of update {learnt}"
    before = update.batches[: update.batches.index(batch)]
    if same := [other.name for other in before if other.digest == batch.digest]:
        return f"{batch.name} is the same, byte for byte, as {same[0]}"
    try:
        inbox.check_is_batch(folder)
        if not (out / "screening.json").is_file():
            champion = release_folder(place.path, str(update.champion))
            known = [
                path
                for other in earlier
                for path in (inbox.unchanged(place.path, update, other), accepted_of(update, other))
            ]
            with new_folder(out) as scratch:
                _run_screen(place, folder, scratch, champion, known, log)
    except BatchRefused as error:
        return f"{batch.name}: {error}"
    found = json.loads((out / "screening.json").read_text(encoding="utf-8"))
    share, most = 1 - found["accepted"] / found["records"], place.params().retrain.most_quarantined
    if found["accepted"] == 0 or share > most:
        return (
            f"{batch.name}: {share:.0%} of its {found['records']} records are quarantined (limit {most:.0%})"
        )
    return None


def accepted_of(update: Update, batch: TakenBatch) -> Path:
    """The list of the accepted records of a batch, which its screening makes."""
    return update.folder / SCREENING / update.stored_name(batch) / "accepted.csv"


def _run_screen(
    place: Workspace, batch: Path, out: Path, champion: Path, earlier: Sequence[Path], log: Log
) -> None:
    (source,) = (stage.arguments[0] for stage in place.stages() if stage.name == "ingest")
    folders = (batch, out, champion, place.path / source, *earlier)
    arguments = [str(path.relative_to(place.path)) for path in folders]
    command = [sys.executable, "-m", "tasks.screen", *arguments, str(os.getpid())]
    process = StreamedProcess(command, place.path)
    sentence = ""
    for line in process.lines():
        if line.strip():
            log(line)
        if line.startswith(_ERROR):
            sentence = line.removeprefix(_ERROR)
    if process.returncode == EXIT_BATCH_REFUSED and sentence:
        raise BatchRefused(sentence)
    if process.returncode == EXIT_INPUT_ERROR and sentence:
        raise InputError(sentence)
    if process.returncode:
        raise StageFailed(f"The screening of {batch.name} ended with {process.returncode}.")


def extend(place: Workspace, update: Update, batches: tuple[TakenBatch, ...]) -> None:
    """Bring the workspace to the state in which the challenger is trained.

    Parameters that were edited since the champion's release stay so; DVC finds what has to run again.
    """
    cohort.extend(
        place,
        {
            update.stored_name(batch): (
                inbox.unchanged(place.path, update, batch),
                accepted_of(update, batch),
            )
            for batch in batches
        },
        update.champion,
    )


def check_ingested(place: Workspace, update: Update, batches: Sequence[TakenBatch]) -> None:
    """Raise InputError when the stage `ingest` has left out a record that the screening had accepted."""
    ingested = place.path / "out" / "ingest"
    cohort_ids = set(pd.read_parquet(ingested / "records.parquet", columns=["ecg_id"])["ecg_id"])
    for batch in batches:
        accepted = pd.read_csv(accepted_of(update, batch))["ecg_id"]
        lost = accepted[~accepted.isin(cohort_ids)].astype(str).tolist()
        if lost:
            left_out = pd.read_csv(ingested / "quarantine.csv", dtype=str, keep_default_na=False)
            found = left_out[left_out["ecg_id"] == lost[0]].to_dict("records")
            why = f"{found[0]['reason']}: {found[0]['detail']}" if found else "not in its quarantine, either"
            raise InputError(
                f"The stage 'ingest' has left out {len(lost)} of the {len(accepted)} records of {batch.name} that the"
                f" screening accepted, such as ecg_id {lost[0]} ({why})."
            )


def judge(place: Workspace, update: Update, refused: Mapping[str, str]) -> Decision:
    """Decide by what the stage `challenge` found, and keep what the decision rests on.

    `refused` are the batches that the challenger has not learnt from, with the reasons.
    """
    found = json.loads((place.path / "out" / "challenge" / "challenge.json").read_text(encoding="utf-8"))
    reasons = (*refused.values(), *_broken(place, found))
    if found["accepted"]:
        decision = Decision(update.name, reasons, tuple(refused))
    else:
        decision = Decision(None, reasons, tuple(batch.name for batch in update.batches))
    _remove(update.folder / EVIDENCE)  # of an attempt that was cut short, perhaps with other parameters
    arm = place.params().judged
    with new_folder(update.folder / EVIDENCE) as scratch:
        for name in STATE:
            shutil.copyfile(place.path / name, scratch / name)
        for file in ("acceptance.csv", "scores.csv", "challenge.json"):
            shutil.copyfile(place.path / "out" / "challenge" / file, scratch / file)
        shutil.copyfile(place.path / "out" / f"train-{arm}" / "selection.csv", scratch / "selection.csv")
    return decision


def _broken(place: Workspace, found: dict[str, list[str]]) -> list[str]:
    """A sentence for each limit that is not kept."""
    with (place.path / "out" / "challenge" / "acceptance.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kept"] == "False"]
    assert len(rows) == len(found["broken"])
    sentences = []
    for row in rows:
        measured = row["low"] or row["challenger"] or "not to be measured"
        sentences.append(f"{row['limit']} of {row['scope']} is {measured}, and the limit {row['bound']}")
    return sentences


def release(
    place: Workspace,
    update: Update,
    refused: Mapping[str, str],
    making: Making,
    key: Ed25519PrivateKey | None,
) -> None:
    """Make the release of an accepted update, from the outputs that it was judged by.

    One of an attempt that was cut short is kept if it was made in the workspace's present state.
    """
    folder = release_folder(place.path, update.name)
    if is_complete(folder) and _same(place.path, folder, (str(PARAMS_FILE), LOCK_FILE)):
        return
    _remove(folder)
    arm = place.params().judged
    assert arm is not None
    files = {
        f"{SCREENING}/{path.relative_to(update.folder / SCREENING).as_posix()}": path
        for path in sorted((update.folder / SCREENING).rglob("*"))
        if path.is_file()
    }
    files["taken.json"] = update.folder / "taken.json"
    acceptance = place.path / "out" / "challenge" / "acceptance.csv"
    decision = decision_document(
        update.name, update.kind, update.champion, acceptance, refused, "all limits are kept"
    )
    write_release(place, arm, update.name, files, decision, making, key)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _same(one: Path, other: Path, files: Sequence[str]) -> bool:
    """Whether two folders have files of these names with the same bytes."""
    pairs = [(one / name, other / name) for name in files]
    return all(a.is_file() and b.is_file() and a.read_bytes() == b.read_bytes() for a, b in pairs)


def settle(place: Workspace, update: Update, ended: str, log: Log) -> None:
    """Put the batches away, bring the workspace to the champion's state, and close the update."""
    decision = update.decision
    assert decision is not None
    if not decision.accepted and update.champion is not None:
        cohort.restore(place, update.champion)
        for batch in update.batches:
            cohort.drop(place, update.stored_name(batch))
    for batch in update.batches:
        if batch.name in decision.held:  # an attempt before the last one may have learnt from it
            cohort.drop(place, update.stored_name(batch))
    if update.kind == "rollback" and decision.release is not None:
        cohort.restore(place, decision.release)
    for batch in update.batches:
        where = inbox.HELD if batch.name in decision.held else inbox.TAKEN
        inbox.put_away(place.path, batch, update.stored_name(batch), where, log)
    update.write(DONE, {"ended": ended})
