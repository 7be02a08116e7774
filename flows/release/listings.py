"""What a release lists by record: digests, what the model has learnt from, and what its selection dropped.

No stage makes these tables. A release and an audit of it make them from the outputs of the stages, by the same code.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.release.comparison import first_difference
from flows.release.reading import RECORDS, SELECTION_LOG
from flows.release.record_digests import record_digests
from flows.workspace import Workspace
from tasks.file_names import LEARNT
from tasks.stages import RELEASES
from veribeat.errors import InputError


@dataclass(frozen=True)
class DifferingListing:
    """A table of a release that is not what the outputs of its stages make."""

    name: str
    where: str
    """The first field that differs."""
    follows: bool
    """Whether outputs that it is made from differ, too, so that the difference may be theirs."""


def listed_outputs(arm: str) -> dict[str, tuple[str, ...]]:
    """Table -> the outputs of stages that it is made from."""
    records, samples = "out/ingest/records.parquet", f"out/train-{arm}/samples.csv"
    return {
        RECORDS: (records, "out/ingest/signals.npy", "out/split/roles.parquet", samples),
        LEARNT: (records, samples),
        SELECTION_LOG: (records, samples),
    }


def write_listings(folder: Path, place: Workspace, arm: str, champion: str | None) -> None:
    """Write records.csv, learnt.csv and selection_log.csv into `folder`.

    Args:
        folder: where to.
        place: a workspace in which the stages have run.
        arm: which model.
        champion: the release in that workspace that `learnt.csv` goes on from, or None.

    Raises InputError when the champion's list is missing or damaged.
    """
    log = selection_log(place.path / "out", arm)
    log.to_csv(folder / SELECTION_LOG, index=False, float_format="%.4f", lineterminator="\n")
    known = set(log["ecg_id"].tolist())
    if champion is not None:
        known |= learnt_by(place.path / RELEASES / champion)
    pd.DataFrame({"ecg_id": sorted(known)}).to_csv(folder / LEARNT, index=False, lineterminator="\n")
    record_digests(place, arm).to_csv(folder / RECORDS, index=False, lineterminator="\n")


def selection_log(out: Path, arm: str) -> pd.DataFrame:
    """A row per training record: ecg_id, and what `samples.csv` says of it."""
    samples = pd.read_csv(out / f"train-{arm}" / "samples.csv")
    ecg_ids = pd.read_parquet(out / "ingest" / "records.parquet", columns=["ecg_id"])["ecg_id"].to_numpy()
    samples.insert(0, "ecg_id", ecg_ids[samples.pop("row").to_numpy()])
    return samples


def differing_listings(
    release: Path, made: Path, arm: str, changed: Collection[str]
) -> list[DifferingListing]:
    """The tables of a release that are not, to the byte, those that were made again.

    Args:
        release: its folder.
        made: the folder with the tables that were made again.
        arm: which model.
        changed: outputs of stages that were made again to other bytes.
    """
    differing = []
    for name, sources in listed_outputs(arm).items():
        before, after = release / name, made / name
        if not before.is_file():
            differing.append(DifferingListing(name, "the release has none", follows=False))
        elif before.read_bytes() != after.read_bytes():
            # Of samples.csv the other tables take the rows alone, and no rounding changes which records are trained on.
            scores = name == SELECTION_LOG
            follows = any(path in changed for path in sources if scores or not path.endswith("/samples.csv"))
            differing.append(DifferingListing(name, first_difference(before, after), follows))
    return differing


def learnt_by(release: Path) -> set[int]:
    """ecg_id of all that the model of a release has learnt from, in this training and those before it."""
    file = release / LEARNT
    try:
        table = pd.read_csv(file, usecols=["ecg_id"], dtype="int64")
    except FileNotFoundError as error:
        raise InputError(f"{release} has no {LEARNT}: restore the release from a backup.") from error
    except ValueError as error:  # no such column, not text, or no numbers
        raise InputError(f"{file} is damaged: restore the release from a backup.") from error
    return set(table["ecg_id"].tolist())
