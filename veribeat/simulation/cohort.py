"""The simulated cohort: labels, patients, hearts, rhythm and noise put together."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import RECORD_SAMPLES, SUPERCLASSES, UNITS_PER_MV
from veribeat.errors import InputError
from veribeat.simulation.labels import (
    BoolArray,
    FloatArray,
    IntArray,
    combination_targets,
    draw_variants,
    given_combinations,
    true_combinations,
)
from veribeat.simulation.noise import NoiseLevels, draw_levels, draw_noise
from veribeat.simulation.pathology import STAGE_SHARES, STAGES, apply_pathology
from veribeat.simulation.patients import Demography, assign_folds, draw_demography, draw_patients
from veribeat.simulation.projection import frontal_axis, lead_amplitudes, twelve_leads
from veribeat.simulation.render import fibrillation_waves, render
from veribeat.simulation.rhythm import Rhythm, draw_rhythm
from veribeat.simulation.tables import Findings, database_table, truth_table
from veribeat.simulation.waves import SLOT, healthy_waves, place_in_cycle, rotation

SMALLEST_COHORT = 20
BLOCK = 64
"""Records rendered together: bounds memory. Part of the seeding, so changing it changes the noise."""

CHEST_NEARNESS = np.array([1.0, 1.2, 1.2, 1.15, 1.05, 1.0])
"""V1-V6 relative to the dipole model: electrodes near the heart see more (PTB-XL's median amplitudes)."""

P_WAVE_FINDINGS = ("1AVB", "LAO/LAE", "RAO/RAE")


class Stream(IntEnum):
    """Independent random streams of one seed, so that more noise, say, leaves hearts and labels as they were."""

    PATIENTS = 0
    LABELS = 1
    WRONG_LABELS = 2
    DEMOGRAPHY = 3
    FINDINGS = 4
    HEARTS = 5
    RHYTHM = 6
    NOISE_LEVELS = 7
    NOISE = 8
    TABLE = 9
    CORRUPTION = 10


def generator(seed: int, stream: Stream, block: int = 0) -> np.random.Generator:
    """Return the generator of one stream (and block of records) of a seed."""
    return np.random.default_rng([seed, int(stream), block])


@dataclass(frozen=True)
class Cohort:
    """A simulated cohort; row i of each part is the same record, sorted by ecg_id.

    `signals` int16 (N, 1000, 12) at 1000 units/mV, leads as `veribeat.conventions.LEADS`; `table` has
    ptbxl_database.csv's columns; `truth` has what the table does not say (see
    `veribeat.simulation.tables.truth_table`).
    """

    signals: NDArray[np.int16]
    table: pd.DataFrame
    truth: pd.DataFrame


def simulate_cohort(records: int, seed: int, wrong_label_share: float, noise: float) -> Cohort:
    """Simulate N = `records` records of 10 s; equal arguments give equal bytes.

    `wrong_label_share` of the records (0-1) get another combination of superclasses than they show; `noise`
    multiplies all noise (0 is none, 1 realistic). Raises InputError for values out of range.
    """
    _check(records, seed, wrong_label_share, noise)
    patient = draw_patients(records, generator(seed, Stream.PATIENTS))
    true = true_combinations(patient, generator(seed, Stream.LABELS))
    given = given_combinations(true, wrong_label_share, generator(seed, Stream.WRONG_LABELS))
    targets = combination_targets()[true]
    fold = assign_folds(patient, combination_targets()[given])
    demography = draw_demography(
        patient, targets[:, SUPERCLASSES.index("NORM")], generator(seed, Stream.DEMOGRAPHY)
    )
    chronological = np.argsort(np.asarray(demography.date), kind="stable")
    findings = _draw_findings(targets, generator(seed, Stream.FINDINGS))
    rhythm = _rhythm(findings, targets, demography, seed)
    levels = draw_levels(records, noise, generator(seed, Stream.NOISE_LEVELS))
    place = np.argsort(chronological)  # of each record: signals are written there, not moved there later
    signals, axis = _signals(patient, findings, demography, rhythm, levels, seed, place)
    table = database_table(
        patient, fold, given, demography, findings, rhythm, levels, axis, generator(seed, Stream.TABLE)
    )
    truth = truth_table(true, given, findings, rhythm, levels)
    return Cohort(signals, *_numbered(table, truth, chronological))


def _check(records: int, seed: int, wrong_label_share: float, noise: float) -> None:
    if records < SMALLEST_COHORT:
        raise InputError(f"records is {records}; a simulated cohort needs at least {SMALLEST_COHORT}.")
    if seed < 0:
        raise InputError(f"seed is {seed}; use a number that is not negative.")
    if not 0 <= wrong_label_share <= 1:
        raise InputError(f"wrong_label_share is {wrong_label_share}; it is a share between 0 and 1.")
    if not (np.isfinite(noise) and 0 <= noise <= 10):
        raise InputError(f"noise is {noise}; use a multiplier between 0 and 10.")


def _draw_findings(targets: BoolArray, rng: np.random.Generator) -> Findings:
    n = len(targets)
    variants = draw_variants(targets, rng)
    severity = {name: 0.06 + 0.94 * rng.beta(1.5, 1.4, n) for name in variants}
    also_normal = targets[:, SUPERCLASSES.index("NORM")]
    for name in severity:
        severity[name] = np.where(also_normal, 0.5 * severity[name], severity[name])
    stage = rng.choice(STAGES, size=n, p=STAGE_SHARES)
    return Findings(variants, severity, np.where(variants["MI"] == "", "", stage))


def _rhythm(findings: Findings, targets: BoolArray, demography: Demography, seed: int) -> Rhythm:
    needs_p_wave = np.isin(findings.variants["CD"], P_WAVE_FINDINGS)
    needs_p_wave |= np.isin(findings.variants["HYP"], P_WAVE_FINDINGS)
    healthy = targets[:, SUPERCLASSES.index("NORM")]
    return draw_rhythm(healthy, needs_p_wave, demography.true_age, generator(seed, Stream.RHYTHM))


def _signals(
    patient: IntArray,
    findings: Findings,
    demography: Demography,
    rhythm: Rhythm,
    levels: NoiseLevels,
    seed: int,
    place: IntArray,
) -> tuple[NDArray[np.int16], FloatArray]:
    """Return int16 (N, 1000, 12), record i at `place[i]`, and the frontal axis (N,) in degrees, in the given order."""
    n = patient.size
    rng = generator(seed, Stream.HEARTS)
    age, female = demography.true_age, demography.sex.astype(np.float64)
    waves = healthy_waves(age, female, rng)
    apply_pathology(waves, findings.variants, findings.stage, findings.severity)
    place_in_cycle(waves, rhythm.mean_rr, female, rng)
    for atrial in ("P1", "P2"):
        waves.vector[rhythm.fibrillating, SLOT[atrial]] = 0.0
    qrs_turn, t_turn, chest_gain = _body(patient, age, rng)
    amplitude, plateau = lead_amplitudes(waves, qrs_turn, t_turn, chest_gain)
    signals = np.empty((n, RECORD_SAMPLES, 12), dtype=np.int16)
    for block, start in enumerate(range(0, n, BLOCK)):
        rows = slice(start, min(start + BLOCK, n))
        block_rng = generator(seed, Stream.NOISE, block)
        leads = render(waves, amplitude, plateau, rhythm, rows)
        leads += fibrillation_waves(np.flatnonzero(rhythm.fibrillating[rows]), rows.stop - start, block_rng)
        leads += draw_noise(levels, rows, rhythm.breathing_hz, block_rng)
        # rounded before III and the augmented leads are derived: III = II - I then holds to the unit
        signals[place[rows]] = np.rint(twelve_leads(np.rint(leads * UNITS_PER_MV))).astype(np.int16)
    return signals, frontal_axis(amplitude, waves.before)


def _body(
    patient: IntArray, age: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How the heart lies in the chest: rotations of QRS and T, gains of V1-V6.

    Most of it belongs to the patient, some to the recording (electrodes placed anew).
    """
    patients, n = int(patient.max()) + 1, patient.size

    def angle(of_patient: float, of_recording: float) -> FloatArray:
        constant = rng.normal(0, of_patient, patients)[patient]
        return np.asarray(constant + rng.normal(0, of_recording, n), dtype=np.float64)

    frontal = angle(14, 3) - 0.35 * (age - 50)
    horizontal, sagittal = angle(9, 3), angle(7, 2)
    qrs_turn = rotation(frontal, horizontal, sagittal)
    t_turn = rotation(0.4 * frontal + angle(7, 3), 0.4 * horizontal + angle(7, 3), 0.4 * sagittal)
    common = np.exp(rng.normal(0, 0.07, patients))[patient][:, None]
    single = np.exp(rng.normal(0, 0.08, (patients, 6))[patient] + rng.normal(0, 0.04, (n, 6)))
    return qrs_turn, t_turn, common * single * CHEST_NEARNESS


def _numbered(table: pd.DataFrame, truth: pd.DataFrame, order: IntArray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the records from 1 in order of recording, as PTB-XL does."""
    numbers = np.arange(1, len(order) + 1)
    numbered = []
    for frame in (table, truth):
        ordered = frame.iloc[order].reset_index(drop=True)
        ordered["ecg_id"] = numbers
        numbered.append(ordered)
    folder = numbers // 1000 * 1000
    for column, parent, suffix in (("filename_lr", "records100", "lr"), ("filename_hr", "records500", "hr")):
        numbered[0][column] = [
            f"{parent}/{above:05d}/{number:05d}_{suffix}"
            for above, number in zip(folder, numbers, strict=True)
        ]
    return numbered[0], numbered[1]
