"""The cohort of a workspace as it grows, and the workspace as a release left it."""

import csv
import io
import shutil
from pathlib import Path

from flows.folders import copy_whole
from flows.process import run_quietly
from flows.release.contents import release_folder
from flows.remote import check_outputs
from flows.retrain.inbox import store
from flows.tracking.lock import LOCK_FILE, read_lock
from flows.workspace import Workspace
from tasks.params.document import Params
from tasks.params.reading import PARAMS_FILE, parse, read_document
from tasks.stages import BATCHES, PTBXL_FILES, stages
from veribeat.data.quarantine import RecordRejected
from veribeat.data.wfdb_record import files_of
from veribeat.errors import InputError

_WRITTEN = (("cohort", "batches"), ("retrain", "champion"), ("explain", "arm"))
"""Parameters that an update writes: section and name, in the order of `_set`."""


def extend(place: Workspace, batches: dict[str, tuple[Path, Path]], champion: str | None) -> None:
    """Add the accepted records of batches to the champion's cohort, as a new version of it.

    The records go to batches/NAME, which DVC tracks; params.yaml names them and the champion, and dvc.yaml follows.

    Args:
        place: whose cohort it is.
        batches: name in batches/ -> the folder as it came, and the list of its accepted records.
        champion: the release to challenge; None for the first.
    """
    for name, (batch, accepted) in batches.items():
        target = place.path / BATCHES / name
        if not target.exists():
            table, files = _accepted(batch, accepted)
            store(batch, table, files, target)
        run_quietly(["dvc", "add", f"{BATCHES}/{name}"], cwd=place.path)
    params = place.params()
    known = [] if champion is None else batches_of(place, champion)
    names = [*known, *batches]
    arm = params.retrain.first if champion is None else params.retrain.challenger
    _set(place, names, champion, arm)


def restore(place: Workspace, release: str) -> None:
    """Bring the cohort, dvc.lock and outputs back to what they were when `release` was made.

    Of the parameters, those that an update writes; what a user has edited since stays.
    """
    folder = release_folder(place.path, release)
    # As it is: an older version of the code may have had other keys.
    then = read_document(folder / PARAMS_FILE)
    _set(place, *(then[section][name] for section, name in _WRITTEN))
    if read_document(place.params_file) == then:  # to the byte: an edit moves the comment behind it
        copy_whole(folder / PARAMS_FILE, place.params_file)
    copy_whole(folder / LOCK_FILE, place.path / LOCK_FILE)
    # Stages that no update needs may never have run; DVC would fail for want of their outputs.
    made = sorted(place.written_stages() & read_lock(place.path).stages.keys())
    if made:
        run_quietly(["dvc", "checkout", "--force", *made], cwd=place.path)


def check_can_be_restored(place: Workspace, release: str) -> None:
    """Raise InputError when `restore` would not find outputs of a release; those in the remote are fetched."""
    folder = release_folder(place.path, release)
    then, params = (read_document(file) for file in (folder / PARAMS_FILE, place.params_file))
    for section, name in _WRITTEN:
        params[section][name] = then[section][name]
    needed = stages(parse(Params, params, path=PARAMS_FILE))
    check_outputs(place, folder, [stage.name for stage in needed])


def _set(place: Workspace, batches: list[str], champion: str | None, arm: str | None) -> None:
    """Edit all that an update writes in params.yaml, in one go, and let dvc.yaml follow."""
    texts = (str(batches), "null" if champion is None else f"'{champion}'", "null" if arm is None else arm)
    place.set_params(
        [f"{section}.{name}={text}" for (section, name), text in zip(_WRITTEN, texts, strict=True)]
    )
    place.write_dvc_yaml()


def drop(place: Workspace, name: str) -> None:
    """Remove a batch that is not learnt from; DVC's cache and held/ still have it."""
    (place.path / BATCHES / f"{name}.dvc").unlink(missing_ok=True)
    folder = place.path / BATCHES / name
    if folder.exists():
        shutil.rmtree(folder)


def _accepted(batch: Path, accepted: Path) -> tuple[str, list[str]]:
    """The rows of ptbxl_database.csv of the accepted records, and their files."""
    with accepted.open(encoding="utf-8", newline="") as file:
        filenames = {row["filename"] for row in csv.DictReader(file)}
    text = io.StringIO()
    with (batch / PTBXL_FILES[1]).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        column = header.index("filename_lr")
        rows = [row for row in reader if row[column] in filenames]
        writer.writerows(rows)
    changed = f"{batch} has changed since it was screened: put it back as it was, then run again."
    if len(rows) != len(filenames):
        raise InputError(changed)
    try:
        files = [file for name in sorted(filenames) for file in files_of(batch.resolve(), name)]
    except RecordRejected as rejection:
        raise InputError(changed) from rejection
    return text.getvalue(), files


def batches_of(place: Workspace, release: str) -> list[str]:
    """Names in batches/ of what a release has learnt from, besides the first records."""
    batches: list[str] = read_document(release_folder(place.path, release) / PARAMS_FILE)["cohort"]["batches"]
    return batches
