"""Noise as electrodes pick it up, so that the limb-lead identities survive it."""

from dataclasses import dataclass

import numpy as np

from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE
from veribeat.simulation.labels import BoolArray, FloatArray

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")

TO_LEADS = np.zeros((8, 9))
"""Independent leads (I, II, V1-V6) from the electrode potentials."""
TO_LEADS[0, :2] = (-1, 1)
TO_LEADS[1, [0, 2]] = (-1, 1)
TO_LEADS[2:, :3] = -1 / 3
TO_LEADS[2:, 3:] = np.eye(6)

MAINS_HZ = 50.0
MUSCLE_FILTER = np.array([-0.25, 0.5, -0.25])
"""Muscle noise as 100 Hz records show it: little below 10 Hz."""


@dataclass(frozen=True)
class NoiseLevels:
    """Per record, mV: baseline wander, muscle noise, mains residue, electrode motion; and the electrode moved."""

    baseline: FloatArray
    muscle: FloatArray
    mains: FloatArray
    motion: FloatArray
    moved: FloatArray

    @property
    def total(self) -> FloatArray:
        """One number per record, mV root mean square, roughly."""
        return np.sqrt(self.baseline**2 + self.muscle**2 + self.mains**2 + self.motion**2)


def draw_levels(n: int, noise: float, rng: np.random.Generator) -> NoiseLevels:
    """Levels of N records; `noise` multiplies them all. Most records are clean, a few are poor."""

    def level(median: float, spread: float) -> FloatArray:
        return np.asarray(noise * np.exp(rng.normal(np.log(median), spread, n)), dtype=np.float64)

    moves = rng.random(n) < 0.06
    return NoiseLevels(
        baseline=np.minimum(level(0.035, 0.75), 0.5 * noise),
        muscle=np.minimum(level(0.0024, 1.0), 0.10 * noise),
        mains=np.minimum(level(0.001, 1.0), 0.03 * noise),
        motion=np.where(moves, np.minimum(level(0.30, 0.5), 1.2 * noise), 0.0),
        moved=rng.integers(0, len(ELECTRODES), n).astype(np.float64),
    )


def draw_noise(
    levels: NoiseLevels, rows: slice, breathing_hz: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return (n, 1000, 8) mV of noise for the records `rows`; `breathing_hz` is (N,)."""
    n = len(levels.baseline[rows])
    electrodes = baseline_wander(levels.baseline[rows], breathing_hz[rows], rng)
    electrodes += muscle_noise(levels.muscle[rows], rng)
    electrodes += _mains(levels.mains[rows], rng)
    moved = levels.moved[rows].astype(np.int64)
    electrodes[np.arange(n), moved] += electrode_motion(levels.motion[rows], rng)
    return np.swapaxes(TO_LEADS @ electrodes, 1, 2)


def baseline_wander(level: FloatArray, breathing_hz: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Breathing and slower drifts, (n, 9, 1000) mV, each electrode with its own share; `level` (n,) mV."""
    n, size = level.size, (level.size, len(ELECTRODES), 1)
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    breathing = np.sin(
        2 * np.pi * breathing_hz[:, None, None] * time + rng.uniform(0, 2 * np.pi, (n, 1, 1))
    ) * rng.normal(0, 0.8, size)
    slow_hz = rng.uniform(0.03, 0.15, size)
    slow = np.sin(2 * np.pi * slow_hz * time + rng.uniform(0, 2 * np.pi, size)) * rng.normal(0, 0.9, size)
    share = np.where(np.arange(len(ELECTRODES)) < 3, 0.7, 1.3)[None, :, None]
    return level[:, None, None] * share * (breathing + slow)


def muscle_noise(level: FloatArray, rng: np.random.Generator) -> FloatArray:
    """High-pass noise that waxes and wanes, (n, 9, 1000) mV; limb electrodes catch more of it; `level` (n,) mV."""
    white = rng.standard_normal((level.size, len(ELECTRODES), RECORD_SAMPLES + 2))
    coloured = sum(tap * white[..., lag : lag + RECORD_SAMPLES] for lag, tap in enumerate(MUSCLE_FILTER))
    coloured = coloured / np.sqrt(np.square(MUSCLE_FILTER).sum())
    coloured += 0.3 * white[..., 1:-1]
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    swell = 1.0 + 0.7 * np.sin(
        2 * np.pi * rng.uniform(0.05, 0.4, (level.size, 1, 1)) * time
        + rng.uniform(0, 6.28, (level.size, 1, 1))
    )
    share = np.where(np.arange(len(ELECTRODES)) < 3, 1.2, 0.8)[None, :, None]
    return np.asarray(level[:, None, None] * share * swell * coloured, dtype=np.float64)


def _mains(level: FloatArray, rng: np.random.Generator) -> FloatArray:
    """What is left of the mains after the recorder's filter; slightly off 50 Hz, so it beats at this rate."""
    size = (level.size, len(ELECTRODES), 1)
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    hz = MAINS_HZ + rng.uniform(-0.4, 0.4, (level.size, 1, 1))
    wave = np.sin(2 * np.pi * hz * time + rng.uniform(0, 2 * np.pi, (level.size, 1, 1)))
    return np.asarray(level[:, None, None] * wave * rng.normal(0, 1, size), dtype=np.float64)


def electrode_motion(level: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Two pops of one electrode that decay within a second, and a slow bump, (n, 1000) mV; `level` (n,) mV."""
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    trace = np.zeros((level.size, RECORD_SAMPLES))
    for _ in range(2):
        start, decay = rng.uniform(0.5, 9.0, (level.size, 1)), rng.uniform(0.1, 0.5, (level.size, 1))
        since = time - start
        pop = np.where(since > 0, np.exp(-np.maximum(since, 0) / decay), 0.0)
        trace += rng.choice([-1.0, 1.0], (level.size, 1)) * rng.uniform(0.3, 1.0, (level.size, 1)) * pop
    middle, width = rng.uniform(1, 9, (level.size, 1)), rng.uniform(0.15, 0.5, (level.size, 1))
    trace += 0.8 * np.exp(-0.5 * np.square((time - middle) / width))
    return level[:, None] * trace


def poor(level: FloatArray, limit: float) -> BoolArray:
    """Records whose level would be noted by a reader."""
    return np.asarray(level > limit)
