"""How often drift is reported where there is none, and whether it is where there is, on real records.

WORKSPACE has run the stage `ingest`; its records of folds 1 to 7 are used, and those of fold 9, which are never trained
on. Reference and batch share no patient, and as they are drawn each device has the same share in both. Models are
those in MODEL (`reference/ptbxl-cnn_gru_flow`), which was trained on folds 1 to 7, all of them alike.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.tables import Grid
from models.bundle import Classifier
from models.drift_features import EmbeddingMap, ModelView, model_features, view_records
from models.runtime import make_deterministic
from veribeat.conventions import SUPERCLASSES, UNITS_PER_MV
from veribeat.drift.batch import DriftSettings, judge_batch
from veribeat.drift.features import signal_features
from veribeat.drift.groups import device_names

FOLDS = (1, 2, 3, 4, 5, 6, 7, 9)
TRAINED = 7
"""Last fold of the training cohort."""
REFERENCE, BATCH = 6000, 1100
DEVICE, SHIFTED = "CS100 3", "AT-6 6"
"""A frequent device, a third of the records, and one of which a batch has about 110."""
GAIN = 1.7
MAINS_HZ, MAINS_MV = 49.0, 0.1
"""Sampled at 100 times a second, 50 Hz has no phase."""

Change = Callable[[NDArray[np.int16]], NDArray[np.int16]]


class Cohort:
    """Records with their features, and what a change of their signals makes of these."""

    def __init__(self, workspace: Path, model: Path) -> None:
        """Features of all records; minutes."""
        self.signals = np.load(workspace / "out/ingest/signals.npy", mmap_mode="r")
        records = pd.read_parquet(workspace / "out/ingest/records.parquet")
        self.classifier = Classifier.load(model)
        self.rows = np.flatnonzero(records["fold"].isin(FOLDS))
        self.records = records.iloc[self.rows].reset_index(drop=True)
        self.records["device"] = device_names(self.records["device"])
        marks = [time.process_time()]
        own = signal_features(self.signals, self.rows)
        marks.append(time.process_time())
        self.view = view_records(self.classifier, self.signals, self.rows)
        marks.append(time.process_time())
        self.by_patient = True
        self.ms = 1000 * np.diff(marks) / len(self.rows)
        # PTB-XL's code for an age over 89 is 300.
        self.plain = own.assign(
            age=self.records["age"].clip(upper=90),
            device=self.records["device"],
            patient_id=self.records["patient_id"],
        )
        self.plain[list(SUPERCLASSES)] = self.records[list(SUPERCLASSES)]

    def draw(
        self, pool: NDArray[np.bool_], generator: np.random.Generator, batch: int = BATCH
    ) -> tuple[NDArray, NDArray]:
        """Rows of a reference and a batch; patients in a random order go to the one, then to the other."""
        candidates = np.flatnonzero(pool)
        patients = self.records["patient_id"].to_numpy()[candidates]
        names, index = np.unique(patients, return_inverse=True)
        order = np.argsort(generator.permutation(len(names))[index], kind="stable")
        return candidates[order[:REFERENCE]], candidates[order[-batch:]]

    def judge(
        self,
        reference: NDArray,
        batch: NDArray,
        changed: NDArray | None = None,
        change: Change | None = None,
        rename: str | None = None,
    ) -> pd.DataFrame:
        """The verdicts, the signals of the rows `changed` being what `change` makes of them."""
        plain, view = self.plain.iloc[batch].reset_index(drop=True), _part(self.view, batch)
        if changed is not None and change is not None:
            where = np.flatnonzero(np.isin(batch, changed))
            signals = change(self.signals[self.rows[batch[where]]])
            every = np.arange(len(signals))
            plain.loc[where, list(signal_features(signals, every[:1]))] = signal_features(
                signals, every
            ).to_numpy()
            new = view_records(self.classifier, signals, every)
            for whole, part in zip(vars(view).values(), vars(new).values(), strict=True):
                whole[where] = part
            if rename:
                plain.loc[where, "device"] = rename
        old = _part(self.view, reference)
        embedding = EmbeddingMap.fit(old.embedding)
        known = self.plain.iloc[reference].reset_index(drop=True)
        tables = known.join(model_features(old, embedding)), plain.join(model_features(view, embedding))
        if not self.by_patient:
            tables = tables[0].drop(columns="patient_id"), tables[1].drop(columns="patient_id")
        return judge_batch(*tables, DriftSettings())


def _part(view: ModelView, rows: NDArray) -> ModelView:
    return ModelView(*(values[rows].copy() for values in vars(view).values()))


def gain(signals: NDArray[np.int16]) -> NDArray[np.int16]:
    """Signals of an amplifier set wrong."""
    return _stored(signals * GAIN)


def mains(signals: NDArray[np.int16]) -> NDArray[np.int16]:
    """Signals with a sine, alike in all leads."""
    sine = MAINS_MV * UNITS_PER_MV * np.sin(2 * np.pi * MAINS_HZ / 100 * np.arange(signals.shape[1]))
    return _stored(signals + sine[:, None])


def _stored(signals: NDArray[np.float64]) -> NDArray[np.int16]:
    kept = np.iinfo(np.int16)
    return np.rint(signals).clip(kept.min, kept.max).astype(np.int16)


def found(table: pd.DataFrame, most: int = 4) -> str:
    """The verdicts of a batch, largest PSI first: feature (device) PSI."""
    drifted = table[table["drifted"]].sort_values("psi", ascending=False, kind="stable", na_position="first")
    words = [
        f"{row.feature}{' missing' if row.kind == 'missing' else ''} ({row.device})"
        + (" is new" if np.isnan(row.psi) else f" {row.psi:.2f}")
        for row in drifted.head(most).itertuples()
    ]
    rest = len(drifted) - most
    return "; ".join(words) + (f"; {rest} more" if rest > 0 else "") if words else "nothing"


def no_shift(cohort: Cohort, pool: NDArray[np.bool_], draws: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """A row per size of batch: how often anything is reported, by which rule."""
    rows = []
    for size, cohort.by_patient in ((300, True), (BATCH, True), (2000, True), (300, False), (BATCH, False)):
        generator = np.random.default_rng(seed)
        counts: Counter[str] = Counter()
        names: Counter[str] = Counter()
        for _ in range(draws):
            table = cohort.judge(*cohort.draw(pool, generator, size))
            counts["drifted"] += bool(table["drifted"].any())
            counts["p"] += bool((table["p_adjusted"] <= DriftSettings().alpha).any())
            counts["psi"] += bool((table["psi"] >= DriftSettings().psi_limit).any())
            counts["net"] += bool((table["psi"] - table["psi_by_chance"] >= DriftSettings().psi_limit).any())
            names.update(f"{row.feature} ({row.device})" for row in table[table["drifted"]].itertuples())
        falsely = "; ".join(f"{key} {count}" for key, count in names.most_common(4)) or "nothing"
        name = f"{size}, {'one record of a patient' if cohort.by_patient else 'all records'}"
        rows.append(
            (name, *(f"{counts[rule]} of {draws}" for rule in ("drifted", "p", "psi", "net")), falsely)
        )
    return tuple(rows)


def shifts(cohort: Cohort, pool: NDArray[np.bool_], draws: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """A row per injected shift: in how many draws it is found where it was made, and what the last draw says."""
    device, norm = cohort.records["device"].to_numpy(), cohort.records["NORM"].to_numpy()
    cases: dict[str, tuple[Counter[str], list[str]]] = {}

    def note(name: str, table: pd.DataFrame, feature: str, where: str) -> None:
        counts, last = cases.setdefault(name, (Counter(), []))
        hit = table[(table["feature"] == feature) & (table["device"] == where)]
        counts["hit"] += bool(hit["drifted"].any())
        counts["any"] += bool(table["drifted"].any())
        last[:] = [found(table)]

    generator = np.random.default_rng(seed + 1)
    for _ in range(draws):
        reference, batch = cohort.draw(pool, generator)
        third, tenth = (generator.permutation(batch)[: int(share * BATCH)] for share in (0.3, 0.1))
        of_device, of_rare = batch[device[batch] == DEVICE], batch[device[batch] == SHIFTED]
        tenth_of_device = of_device[: len(of_device) // 10]
        withheld = batch[~norm[batch] | (generator.random(len(batch)) > 0.7)]
        note("70 % of NORM withheld", cohort.judge(reference, withheld), "NORM", "all")
        note(
            "gain 1.7 on 30 % of records, of a new device",
            cohort.judge(reference, batch, third, gain, "NEW 1"),
            "device",
            "NEW 1",
        )
        for name, changed, where, change, feature in (
            ("gain 1.7 on 30 % of records, any device", third, "all", gain, "amplitude_mv"),
            (f"gain 1.7 on {DEVICE}, a third of records", of_device, DEVICE, gain, "amplitude_mv"),
            (f"gain 1.7 on {SHIFTED}, a tenth of records", of_rare, SHIFTED, gain, "amplitude_mv"),
            ("mains on 10 % of records, any device", tenth, "all", mains, "noise_mv"),
            (f"mains on {SHIFTED}, a tenth of records", of_rare, SHIFTED, mains, "noise_mv"),
            (f"mains on a tenth of {DEVICE}", tenth_of_device, DEVICE, mains, "noise_mv"),
        ):
            note(name, cohort.judge(reference, batch, changed, change), feature, where)
    return tuple(
        (name, f"{counts['hit']} of {draws}", f"{counts['any']} of {draws}", last[0])
        for name, (counts, last) in cases.items()
    )


def in_order(cohort: Cohort, pool: NDArray[np.bool_], seed: int) -> tuple[tuple[str, ...], ...]:
    """Batches after the first 6,000 records by date; then fold 9 against folds 1 to 7, and against itself."""
    dates = cohort.records["recording_date"].astype(str).to_numpy()
    ordered = np.flatnonzero(pool)[np.argsort(dates[pool], kind="stable")]
    generator = np.random.default_rng(seed)
    reference, _ = cohort.draw(pool, generator)
    unseen = generator.permutation(np.flatnonzero(~pool))
    pairs = {}
    for start in range(REFERENCE, len(ordered) - BATCH + 1, 2 * BATCH):
        batch = ordered[start : start + BATCH]
        pairs[f"{dates[batch[0]][:7]} to {dates[batch[-1]][:7]}"] = (ordered[:REFERENCE], batch)
    pairs["fold 9, not trained on, against folds 1-7"] = (reference, unseen[:BATCH])
    pairs["fold 9 against the rest of it"] = (unseen[BATCH:], unseen[:BATCH])
    rows = []
    for name, (old, new) in pairs.items():
        table = cohort.judge(old, new)
        excess = (table["psi"] - table["psi_by_chance"]).where(table["feature"] != "device")
        largest = table.loc[excess.idxmax()]
        confidence = table[(table["feature"] == "confidence") & (table["device"] == "all")].iloc[0]
        device = cohort.plain["device"].copy()
        cohort.plain["device"] = "any"
        pooled = cohort.judge(old, new)
        cohort.plain["device"] = device
        rows.append(
            (
                name,
                f"{table['drifted'].sum()} of {table['p'].notna().sum()}",
                found(table),
                f"{largest['feature']} ({largest['device']}) {excess.max():.2f}",
                f"{confidence['psi'] - confidence['psi_by_chance']:.3f}, p {confidence['p']:.2g}",
                found(pooled),
            )
        )
    return tuple(rows)


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, metavar="WORKSPACE")
    parser.add_argument("--model", type=Path, default=Path("reference/ptbxl-cnn_gru_flow"), metavar="MODEL")
    parser.add_argument("--draws", type=int, default=200, help="without a shift")
    parser.add_argument("--shifted", type=int, default=10, help="draws of each shift")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    options = parser.parse_args()
    make_deterministic(1)
    cohort = Cohort(options.workspace, options.model)
    pool = (cohort.records["fold"] <= TRAINED).to_numpy()
    note = f"CPU time per record: signal features {cohort.ms[0]:.1f} ms, of the model {cohort.ms[1]:.1f} ms."
    console = Console(width=170)
    Grid(
        "Shifts that were made",
        ("shift", "found where it is", "anything found", "verdicts of the last draw, PSI"),
        shifts(cohort, pool, options.shifted, options.seed),
        note,
    ).show(console)
    Grid(
        "Records by date, against the first 6,000; PSI less chance where no verdict",
        (
            "batch",
            "drifted",
            "verdicts",
            "largest of a feature",
            "confidence (all)",
            "verdicts without devices",
        ),
        in_order(cohort, pool, options.seed),
    ).show(console)
    Grid(
        "No shift: draws in which anything is found",
        ("batch", "drifted", "p alone", "PSI alone", "PSI less chance alone", "what drifted"),
        no_shift(cohort, pool, options.draws, options.seed),
    ).show(console)


if __name__ == "__main__":
    main()
