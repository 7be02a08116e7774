"""Beat times: sinus rhythm with respiratory and slow variability, atrial fibrillation, premature beats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.simulation.labels import BoolArray, FloatArray

BEATS = 52
"""Beats per record: enough to fill 10 s and a margin on both sides at the shortest RR interval."""

START_S = -1.6
"""First beats lie before the record begins, so that its first samples hold the end of a beat."""

SHORTEST_RR_S = 0.28

SINUS, ATRIAL_PREMATURE, VENTRICULAR_PREMATURE = 0, 1, 2


@dataclass(frozen=True)
class Rhythm:
    """Beats of N records.

    `times` (N, BEATS) s from the record's start, at the main QRS deflection; `kind` (N, BEATS) int8 one of
    SINUS, ATRIAL_PREMATURE, VENTRICULAR_PREMATURE; `gain` (N, BEATS) amplitude relative to 1 (breathing);
    `mean_rr` (N,) s; `fibrillating` (N,) bool; `breathing_hz` (N,); `variability` (N,) respiratory RR swing.
    """

    times: FloatArray
    kind: NDArray[np.int8]
    gain: FloatArray
    mean_rr: FloatArray
    fibrillating: BoolArray
    breathing_hz: FloatArray
    variability: FloatArray


def draw_rhythm(
    healthy: BoolArray, needs_p_wave: BoolArray, age: FloatArray, rng: np.random.Generator
) -> Rhythm:
    """Draw the rhythm of N records; all arguments are (N,), `age` in years.

    `healthy` records and those with `needs_p_wave` (a finding about P or PR) do not fibrillate.
    """
    n = healthy.size
    # real NORM records are in sinus rhythm; 7 % of PTB-XL fibrillates
    fibrillating = ~healthy & ~needs_p_wave & (rng.random(n) < 0.13)
    rate = np.exp(rng.normal(np.log(np.where(fibrillating, 86.0, 70.0)), np.where(healthy, 0.17, 0.21)))
    mean_rr = 60.0 / np.clip(rate, 42, 150)
    breathing_hz = rng.uniform(0.16, 0.34, n)
    variability = np.clip(np.exp(rng.normal(np.log(0.028), 0.5, n)) * (1.6 - age / 80), 0.003, 0.14)
    steps = _relative_intervals(n, fibrillating, rng)
    times = np.empty((n, BEATS))
    times[:, 0] = START_S - rng.random(n) * mean_rr
    phase = rng.uniform(0, 2 * np.pi, (3, n))
    slow = variability * rng.uniform(0.3, 1.0, n)
    kind = _premature(n, ~healthy, rng)
    for beat in range(1, BEATS):
        now = times[:, beat - 1]
        sinus = (
            1.0
            + variability * np.sin(2 * np.pi * breathing_hz * now + phase[0])
            + slow * np.sin(2 * np.pi * 0.095 * now + phase[1])
            + steps[:, beat]
        )
        interval = mean_rr * sinus * _prematurity(kind[:, beat], kind[:, beat - 1])
        times[:, beat] = now + np.maximum(interval, SHORTEST_RR_S)
    swing = rng.uniform(0.01, 0.07, n)[:, None]
    gain = 1.0 + swing * np.sin(2 * np.pi * breathing_hz[:, None] * times + phase[2][:, None])
    return Rhythm(times, kind, gain, mean_rr, fibrillating, breathing_hz, variability)


def _relative_intervals(n: int, fibrillating: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Beat-to-beat scatter of RR/mean RR: small in sinus rhythm, irregular in fibrillation."""
    small = rng.normal(0.0, 0.007, (n, BEATS))
    irregular = np.exp(rng.normal(0.0, 0.22, (n, BEATS))) - 1.02
    return np.where(fibrillating[:, None], np.clip(irregular, -0.45, 0.9), small)


def _premature(n: int, sick: BoolArray, rng: np.random.Generator) -> NDArray[np.int8]:
    """Premature beats in about 8 % of records, never two in a row."""
    chance = rng.random(n)
    affected = np.where(sick, chance < 0.10, chance < 0.04)
    origin = np.where(rng.random(n) < 0.7, VENTRICULAR_PREMATURE, ATRIAL_PREMATURE)
    early = affected[:, None] & (rng.random((n, BEATS)) < rng.uniform(0.05, 0.25, n)[:, None])
    for beat in range(1, BEATS):
        early[:, beat] &= ~early[:, beat - 1]
    return np.where(early, origin[:, None], SINUS).astype(np.int8)


def _prematurity(kind: NDArray[np.int8], previous: NDArray[np.int8]) -> FloatArray:
    """Factor on the RR interval: an early beat, and the pause after it (fully compensatory after a PVC)."""
    before = np.select([kind == VENTRICULAR_PREMATURE, kind == ATRIAL_PREMATURE], [0.62, 0.70], 1.0)
    after = np.select([previous == VENTRICULAR_PREMATURE, previous == ATRIAL_PREMATURE], [1.38, 1.12], 1.0)
    return np.asarray(before * after, dtype=np.float64)
