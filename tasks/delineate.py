"""Stage `delineate`: where the waves of every beat of the records that learn begin and end."""

import sys
from dataclasses import dataclass
from pathlib import Path

import neurokit2
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from tasks.many_items import Results, Work, complete
from tasks.params.runner import Runner, read_runner
from tasks.stage import OUT, digest, loaded_code_digest, output_folder, resume_file, run, write_json
from veribeat.errors import InputError
from veribeat.signal.delineation import Delineation, delineate, diagnostic_windows
from veribeat.signal.landmarks import MISSING
from veribeat.signal.stored_units import from_units

MOST_BEATS = 50
"""Beats of a record that there is room for: 300 a minute."""

LONGEST_REASON = 400
"""Characters of a reason that there is room for."""

LANDMARKS = ("r_peak", "p_onset", "p_offset", "qrs_onset", "t_offset")
"""Columns of beats.parquet, after the row."""

SOURCES = ("lead", "vote", "r_peaks", "none")

ROW = np.dtype(
    [
        ("beats", np.int32),
        ("landmarks", np.int32, (MOST_BEATS, len(LANDMARKS))),
        ("source", "S8"),
        ("lead", "S4"),
        ("reason", f"S{LONGEST_REASON}"),
    ]
)
"""One record; of `landmarks`, the first `beats` count."""


@dataclass(frozen=True)
class DelineateWorker:
    """Delineates one training record of the cohort in `ingest` at a time, in the order of `_training_rows`."""

    ingest: Path
    split: Path

    def prepare(self) -> Work:
        """Open the signals."""
        signals = np.load(self.ingest / "signals.npy", mmap_mode="r")
        rows = _training_rows(pd.read_parquet(self.split / "learning.parquet"))

        def work(item: int) -> NDArray[np.void]:
            row = int(rows[item])
            return as_row(delineate(from_units(signals[row])), f"The record at row {row}")

        return work


def _training_rows(learning: pd.DataFrame) -> NDArray[np.int64]:
    """Positions of the training records in the cohort, ascending."""
    return np.sort(learning.loc[learning["train"], "row"].to_numpy(dtype=np.int64))


def as_row(found: Delineation, what: str) -> NDArray[np.void]:
    """A delineation as one ROW; raises InputError about `what` where there is no room for it."""
    beats, reason = len(found.r_peaks), found.reason.encode()
    if beats > MOST_BEATS:
        raise InputError(f"{what} has {beats} beats, but there is room for {MOST_BEATS}.")
    if len(reason) > LONGEST_REASON:
        raise InputError(f"{what} has a reason longer than {LONGEST_REASON} characters: {found.reason}")
    row = np.zeros(1, ROW)
    columns = (found.r_peaks, found.p_onset, found.p_offset, found.qrs_onset, found.t_offset)
    row["beats"] = beats
    row["landmarks"][0, :beats] = np.stack(columns, axis=1)
    row["source"], row["lead"], row["reason"] = found.source.encode(), found.lead.encode(), reason
    return row


def delineate_cohort(ingest: Path, split: Path, out: Path, resume: Path, runner: Runner = "local") -> None:
    """Delineate the training records of the cohort in `ingest` that `split` names; `resume` outlives a kill.

    - beats.parquet: a line per beat (row, r_peak, p_onset, p_offset, qrs_onset, t_offset; int32), sorted by row and
      R-peak; row is the record's in signals.npy, the others are samples, or -1 where a landmark was not found;
    - windows.npy: (records, samples) booleans, in the order of delineated.csv: `diagnostic_windows` of each record;
    - delineated.csv: a line per record (ecg_id, row, source, lead, beats, reason), sorted by row, with the words of
      `veribeat.signal.delineation.Delineation`;
    - delineate.json: records, the share of them per source, mean beats per record, the share of beats with either
      window, and the mean share of a record that the windows cover.
    """
    learning = pd.read_parquet(split / "learning.parquet")
    rows = _training_rows(learning)
    ecg_ids = pd.read_parquet(ingest / "records.parquet", columns=["ecg_id"])["ecg_id"].to_numpy()
    signals = np.load(ingest / "signals.npy", mmap_mode="r")
    if not len(signals) == len(ecg_ids) == len(learning):
        raise InputError(f"{ingest} and {split} are not of the same records: run split again.")
    results = Results(resume, [1] * len(rows), ROW)
    found = complete(results, DelineateWorker(ingest, split), "delineate, records", runner=runner)

    beats = _beats(found, rows)
    beats.to_parquet(out / "beats.parquet", index=False)
    windows = _windows(found, signals.shape[1])
    np.save(out / "windows.npy", windows)
    table = pd.DataFrame(
        {
            "ecg_id": ecg_ids[rows],
            "row": rows,
            **{name: np.char.decode(found[name], "utf-8") for name in ("source", "lead")},
            "beats": found["beats"],
            "reason": np.char.decode(found["reason"], "utf-8"),
        }
    )
    table.to_csv(out / "delineated.csv", index=False, lineterminator="\n")
    write_json(out / "delineate.json", _metrics(found, beats, table["source"], windows))


def _beats(found: NDArray[np.void], rows: NDArray[np.int64]) -> pd.DataFrame:
    filled = np.arange(MOST_BEATS) < found["beats"][:, None]
    beats = pd.DataFrame(found["landmarks"][filled], columns=list(LANDMARKS))
    beats.insert(0, "row", np.repeat(rows, found["beats"]).astype(np.int32))
    return beats


def _windows(found: NDArray[np.void], samples: int) -> NDArray[np.bool_]:
    windows = np.zeros((len(found), samples), dtype=np.bool_)
    for own, landmarks, count in zip(windows, found["landmarks"], found["beats"], strict=True):
        p_onset, p_offset, qrs_onset, t_offset = landmarks[:count, 1:].T
        own[:] = diagnostic_windows(p_onset, p_offset, qrs_onset, t_offset, samples)
    return windows


def _metrics(
    found: NDArray[np.void], beats: pd.DataFrame, sources: pd.Series, windows: NDArray[np.bool_]
) -> dict[str, float | int]:
    with_p = ((beats["p_onset"] != MISSING) & (beats["p_offset"] != MISSING)).mean()
    with_qrs_t = ((beats["qrs_onset"] != MISSING) & (beats["t_offset"] != MISSING)).mean()
    return {
        "records": len(found),
        **{f"share_{source}": round(float((sources == source).mean()), 6) for source in SOURCES},
        "mean_beats": round(float(found["beats"].mean()), 6),
        "share_of_beats_with_p": round(float(with_p), 6) if len(beats) else 0.0,
        "share_of_beats_with_qrs_t": round(float(with_qrs_t), 6) if len(beats) else 0.0,
        "mean_covered": round(float(windows.mean()), 6),
    }


def _inputs_key(ingest: Path, split: Path) -> str:
    """What finished records must have been made from to count: inputs, code and environment."""
    versions = " ".join((sys.version, np.__version__, scipy.__version__, neurokit2.__version__))
    files = (ingest / "signals.npy", ingest / "records.parquet", split / "learning.parquet")
    return digest(loaded_code_digest(), versions, *files)


def main() -> None:
    """Run the stage in the current workspace."""
    ingest, split = OUT / "ingest", OUT / "split"
    finished: Path | None = None
    try:
        with output_folder("delineate") as out:
            resume = resume_file("delineate", _inputs_key(ingest, split))
            delineate_cohort(ingest, split, out, resume, read_runner())
            finished = resume
    finally:
        # Kept after a failure, but not once all are done: see `tasks.explained.run_resumable`.
        if finished is not None:
            finished.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
