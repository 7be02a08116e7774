"""What the screening of incoming records finds of faults put into fold 9, and what it flags of the records as they are.

The screening learns from folds 1-7. WORKSPACE_OR_FOLDER is a workspace that has run `ingest`, or a PTB-XL folder.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.tables import Grid
from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from veribeat.conventions import UNITS_PER_MV
from veribeat.signal.device_shift import SignalLevels, shifted_devices, signal_levels
from veribeat.signal.electrode_changes import PAIRS
from veribeat.signal.electrodes import ELECTRODES, LIMBS
from veribeat.signal.screening import Defect, Finding, Screening
from veribeat.simulation.faults import (
    GAIN,
    OFF_MODES,
    SWAPS,
    add_hum,
    break_electrode,
    draw_gain,
    record_with_new_device,
    swap_electrodes,
)

LEARN, TEST = range(1, 8), 9

Signals = NDArray[np.float32]
Put = Callable[[NDArray[np.float64], np.random.Generator], tuple[NDArray[np.float64], str]]

GROUPS = (20, 50, 100, 300)
DRAWS = 200
"""Sizes of a device's group in a batch, and how many groups of each are drawn."""


@dataclass(frozen=True)
class Cohort:
    """Records that learn and that test, (N, 1000, 12) in mV, and their devices."""

    learn: Signals
    learn_devices: tuple[str, ...]
    test: Signals
    test_devices: tuple[str, ...]


def read_cohort(place: Path) -> Cohort:
    """Folds 1-7 and 9 of a workspace, or of a PTB-XL folder read for this."""
    if (place / "ptbxl_database.csv").is_file():
        with tempfile.TemporaryDirectory() as scratch:
            ingest(
                place, Path(scratch), IngestParams(max_quarantined=0.1, amplitude_limit_mv=20.0), workers=1
            )
            return _cohort(Path(scratch))
    return _cohort(place / "out/ingest")


def _cohort(folder: Path) -> Cohort:
    signals = np.load(folder / "signals.npy", mmap_mode="r")
    records = pd.read_parquet(folder / "records.parquet", columns=["fold", "device"])
    learn, test = (np.flatnonzero(records["fold"].isin(folds)) for folds in (LEARN, [TEST]))
    in_mv = [signals[rows].astype(np.float32) / np.float32(UNITS_PER_MV) for rows in (learn, test)]
    return Cohort(in_mv[0], tuple(records["device"][learn]), in_mv[1], tuple(records["device"][test]))


def faulty(signals: Signals, put: Put, seed: int) -> tuple[Signals, list[str]]:
    """The records with a fault in each, and what was done to each."""
    changed, details = np.empty_like(signals), []
    for row, signal in enumerate(signals):
        changed[row], detail = put(signal.astype(np.float64), np.random.default_rng([seed, row]))
        details.append(detail)
    return changed, details


def share(hits: Sequence[bool] | NDArray[np.bool_]) -> str:
    """A share in percent."""
    return f"{np.mean(hits):.1%}"


def row_of(name: str, findings: Sequence[Finding | None], right: Defect) -> tuple[str, ...]:
    """Records, how many are flagged, and how many for the right reason."""
    flagged = [found is not None for found in findings]
    named = [found is not None and found.reason == right for found in findings]
    return name, f"{len(flagged):,}", share(flagged), share(named)


def fault_grids(cohort: Cohort, screening: Screening, seed: int) -> list[Grid]:
    """What is found of each kind of fault: as they are injected, electrode by mode, pair by pair."""
    columns = ("fault", "records", "flagged", "for this reason")
    screened: list[tuple[str, ...]] = []
    modes, kinds = [], []
    putting: dict[str, tuple[Put, Defect]] = {
        "broken_electrode": (break_electrode, Defect.ELECTRODE_OFF),
        "mains_hum": (add_hum, Defect.MAINS_HUM),
        "swapped_leads": (swap_electrodes, Defect.LEADS_SWAPPED),
    }
    for number, (name, (put, defect)) in enumerate(putting.items()):
        changed, details = faulty(cohort.test, put, seed + number)
        findings = screening.screen(changed)
        kinds.append(row_of(name, findings, defect))
        if put is break_electrode:
            for mode in OFF_MODES:
                for where in (*LIMBS, "V"):
                    rows = [
                        k for k, text in enumerate(details) if text.startswith(where) and text.endswith(mode)
                    ]
                    modes.append(row_of(f"{where} {mode}", [findings[k] for k in rows], defect))
    for number, pair in enumerate(PAIRS):
        changed, _ = faulty(cohort.test, partial(swap_electrodes, pair=pair), seed + 10 + number)
        injected = " (injected)" if pair in SWAPS else ""
        screened.append(
            row_of(f"{pair[0]}, {pair[1]}{injected}", screening.screen(changed), Defect.LEADS_SWAPPED)
        )
    return [
        Grid("Faults as simulate-stream puts them in", columns, tuple(kinds)),
        Grid(f"One electrode off, {len(ELECTRODES)} alike", columns, tuple(modes)),
        Grid("Two electrodes exchanged", columns, tuple(screened)),
    ]


def clean_grid(findings: Sequence[Finding | None]) -> Grid:
    """What is flagged of the records as they are."""
    rows = [
        (str(defect), share([found is not None and found.reason == defect for found in findings]))
        for defect in Defect
    ]
    total = share([found is not None for found in findings])
    return Grid(
        f"Fold {TEST} as it is, {len(findings):,} records", ("reason", "flagged"), (*rows, ("all", total))
    )


def device_grid(cohort: Cohort, seed: int) -> Grid:
    """How often a new device is found, by the size of its group; how often none is where there is none."""
    training, clean = signal_levels(cohort.learn), signal_levels(cohort.test)
    random = np.random.default_rng(seed)
    largest = max(set(cohort.test_devices), key=cohort.test_devices.count)
    same = np.flatnonzero([device == largest for device in cohort.test_devices])
    rows = []
    changed = {
        gain: signal_levels(faulty(cohort.test, partial(record_with_new_device, gain=gain), seed)[0])
        for gain in (GAIN[0], draw_gain(random), GAIN[1])
    }
    for size in GROUPS:
        found = [
            _found(levels, random.choice(len(cohort.test), size, replace=False), "NEW", training, cohort)
            for levels in changed.values()
            for _ in range(DRAWS)
        ]
        unknown = [
            _found(clean, random.choice(len(cohort.test), size, replace=False), "NEW", training, cohort)
            for _ in range(DRAWS)
        ]
        known = [
            _found(clean, random.choice(same, size, replace=False), largest, training, cohort)
            for _ in range(DRAWS)
        ]
        rows.append((str(size), share(found), share(unknown), share(known)))
    return Grid(
        f"Devices, {DRAWS} groups each",
        ("records in the group", "new device, found", "none, unknown name", f"none, {largest.strip()}"),
        tuple(rows),
        f"Gains of the new device: {', '.join(f'{gain:.2f}' for gain in changed)}. {_real_devices(cohort, training)}",
    )


def _found(
    levels: SignalLevels, rows: NDArray[np.intp], device: str, training: SignalLevels, cohort: Cohort
) -> bool:
    picked = np.zeros(len(levels.amplitude), dtype=bool)
    picked[rows] = True
    return bool(shifted_devices(levels.of(picked), [device] * len(rows), training, cohort.learn_devices))


def _real_devices(cohort: Cohort, training: SignalLevels) -> str:
    """Which real devices would be held back if training had not known them."""
    held = []
    names = sorted(set(cohort.learn_devices))
    for device in names:
        mask = np.array([name == device for name in cohort.learn_devices])
        others = [name for name in cohort.learn_devices if name != device]
        held += shifted_devices(training.of(mask), [device] * int(mask.sum()), training.of(~mask), others)
    return (
        f"Of {len(names)} real devices, each taken as new, held back: {'; '.join(map(str, held)) or 'none'}."
    )


def main() -> None:
    """Learn, put faults in, screen, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", type=Path, metavar="WORKSPACE_OR_FOLDER")
    parser.add_argument("--seed", type=int, default=90210, help="of the faults")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    options = parser.parse_args()
    cohort = read_cohort(options.place)
    start = time.process_time()
    screening = Screening.fit(cohort.learn)
    fitted = time.process_time()
    clean = screening.screen(cohort.test)
    each = 1000 * (time.process_time() - fitted) / len(clean)
    grids = [
        clean_grid(clean),
        *fault_grids(cohort, screening, options.seed),
        device_grid(cohort, options.seed),
    ]
    console = Console(width=130, markup=False)
    for grid in grids:
        if options.markdown:
            print(grid.markdown())
        else:
            grid.show(console)
    console.print(
        f"Learnt from {len(cohort.learn):,} records in {fitted - start:.0f} s of CPU time; {each:.1f} ms to screen one."
    )


if __name__ == "__main__":
    main()
