"""What a batch of new records is worth: which may be used, and whether they differ from those learnt from.

A process of its own, outside of DVC: `python -m tasks.screen BATCH OUT CHAMPION SOURCE [EARLIER ACCEPTED]... PARENT` in
a workspace writes accepted.csv, quarantine.csv, drift.csv and screening.json into the empty folder OUT; `flows.retrain`
runs it. SOURCE is the folder of the cohort's first records, EARLIER a batch of the same update that was screened
before, ACCEPTED its accepted.csv. Exit code 3 is for a batch that cannot be used; 2, as of every stage, for other bad
input.
"""

import csv
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.bundle import Classifier
from models.drift_features import EmbeddingMap, ModelView, model_features, view_records
from models.runtime import make_deterministic
from tasks.batch_checks import Clashes, Defects, Devices, Finding
from tasks.batch_reference import Records, Reference
from tasks.ingest import ingest, write_quarantine
from tasks.params.ingest import IngestParams
from tasks.params.reading import read_section
from tasks.params.retrain import DriftParams
from tasks.params.train import ComputeParams
from tasks.parent import end_with
from tasks.refused_batch import EXIT_BATCH_REFUSED, BatchRefused
from tasks.stage import OUT, run, write_json
from tasks.workers import most_workers
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import Quarantined, Reason
from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.drift.features import signal_features
from veribeat.errors import InputError
from veribeat.signal.screening import Screening


def screen(
    batch: Path, reference: Reference, out: Path, ingest_params: IngestParams, drift: DriftParams
) -> None:
    """Write what is found of the PTB-XL folder `batch` into the empty folder `out`.

    - accepted.csv: ecg_id and filename of the records that may be used;
    - quarantine.csv: the others with their reasons: those of `ingest`, known to the cohort, a defect
      (`veribeat.signal.screening`), or a device that differs (`veribeat.signal.device_shift`);
    - drift.csv: all records that can be read, against those that the champion has learnt from, or for what the champion
      makes of them, against those of validation (`veribeat.drift`);
    - screening.json: counts.

    Raises BatchRefused when the batch's tables cannot be read, or no record can; InputError when there is too little to
    compare it with.
    """
    workers = most_workers()  # a mistake in the environment is none of the batch
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        read = Path(scratch)
        try:
            lenient = ingest_params.model_copy(update={"max_quarantined": 1.0})
            ingest(batch, read, lenient, codes=reference.codes, workers=workers)
        except InputError as error:
            raise BatchRefused(str(error)) from error
        came = Records.read(read)
        with (read / "quarantine.csv").open(encoding="utf-8", newline="") as file:
            unreadable = list(csv.DictReader(file))
    quarantined = [
        Quarantined(row["ecg_id"], row["file"], Reason(row["reason"]), row["detail"]) for row in unreadable
    ]
    found, screening = came, Screening.fit(reference.learnt.signals_mv)
    checks = (
        Clashes(reference.known, reference.unusable, reference.samples),
        Defects(screening),
        Devices(reference.learnt),
    )
    for check in checks:
        reasons = check.findings(found)
        quarantined += _listed(found.table, reasons)
        found = found.only(np.array([reason is None for reason in reasons], dtype=np.bool_))
    write_quarantine(quarantined, out / "quarantine.csv")
    accepted = found.table[["ecg_id", "filename"]]
    accepted.to_csv(out / "accepted.csv", index=False, lineterminator="\n")
    judged = _drift(reference, came, accepted["ecg_id"], screening, drift)
    judged.to_csv(out / "drift.csv", index=False, float_format="%.6g", lineterminator="\n")
    counts = pd.Series([str(each.reason) for each in quarantined]).value_counts().sort_index()
    write_json(
        out / "screening.json",
        {
            "records": len(accepted) + len(quarantined),
            "accepted": len(accepted),
            "quarantined": {str(reason): int(count) for reason, count in counts.items()},
            "drifted": [
                f"{row['feature']} ({row['device']})" for _, row in judged[judged["drifted"]].iterrows()
            ],
        },
    )


def _listed(table: pd.DataFrame, reasons: Iterable[Finding]) -> list[Quarantined]:
    rows = zip(table["ecg_id"], table["filename"], reasons, strict=True)
    return [
        Quarantined(str(ecg_id), filename, *reason) for ecg_id, filename, reason in rows if reason is not None
    ]


def _drift(
    reference: Reference, came: Records, accepted: pd.Series, screening: Screening, params: DriftParams
) -> pd.DataFrame:
    """Labels, age, how many are refused, and the signal; then what the champion makes of it."""
    settings = DriftSettings(**params.model_dump(exclude={"reference_records", "seed"}))
    usual = np.array(
        [finding is not None for finding in screening.screen(reference.learnt.signals_mv)], dtype=np.bool_
    )
    refused = ~came.table["ecg_id"].isin(accepted).to_numpy()
    of_records = judge_batch(_recorded(reference.learnt, usual), _recorded(came, refused), settings)
    held_out, new = (_seen(reference.champion, records) for records in (reference.held_out, came))
    components = EmbeddingMap.fit(held_out.embedding)
    of_model = judge_batch(
        model_features(held_out, components).assign(device=reference.held_out.table["device"]),
        model_features(new, components).assign(device=came.table["device"]),
        settings,
    )
    return pd.concat([of_records, of_model[of_model["feature"] != "device"]], ignore_index=True)


def _seen(champion: Classifier, records: Records) -> ModelView:
    return view_records(champion, records.signals, np.arange(len(records.table)))


def _recorded(records: Records, refused: NDArray[np.bool_]) -> pd.DataFrame:
    columns = records.table[["device", *SUPERCLASSES, "age"]].assign(refused=refused)
    features = signal_features(records.signals, np.arange(len(records.table)))
    return pd.concat([columns, features], axis=1)


def main() -> None:
    """Screen the batch named on the command line, as long as the flow lives whose process id is the last argument."""
    *folders, parent = sys.argv[1:]
    end_with(int(parent))  # the next flow screens into the same folder as one that was killed
    batch, out, champion, source, *others = map(Path, folders)
    earlier = tuple(zip(others[::2], others[1::2], strict=True))
    make_deterministic(read_section(ComputeParams, "compute").threads)
    drift = read_section(DriftParams, "retrain", "drift")
    reference = Reference.read(OUT, champion, source, drift, earlier)
    try:
        screen(batch, reference, out, read_section(IngestParams, "ingest"), drift)
    except BatchRefused as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_BATCH_REFUSED)


if __name__ == "__main__":
    run(main)
