"""Waves and beat times to leads."""

import numpy as np

from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE
from veribeat.simulation.labels import FloatArray, IntArray
from veribeat.simulation.rhythm import VENTRICULAR_PREMATURE, Rhythm
from veribeat.simulation.waves import ECTOPIC_SLOTS, SLOT, SLOTS, Waves

J_RAMP_S, ST_FALL_S = 0.014, 0.045


def render(
    waves: Waves, amplitude: FloatArray, plateau: FloatArray, rhythm: Rhythm, rows: slice
) -> FloatArray:
    """Return (n, 1000, 8) mV: the noise-free independent leads of the records `rows`.

    Every sample gets the waves of the last beat, the one before it and the next one; `amplitude` (N, slots, 8) and
    `plateau` (N, 8) come from `veribeat.simulation.projection.lead_amplitudes`.
    """
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    beats = rhythm.times[rows]
    last = (beats[:, :, None] <= time).sum(axis=1) - 1
    ectopic = np.zeros(len(SLOTS))
    ectopic[[SLOT[slot] for slot in ECTOPIC_SLOTS]] = 1.0
    shape = np.zeros((len(beats), RECORD_SAMPLES, len(SLOTS)))
    step = np.zeros((len(beats), RECORD_SAMPLES))
    for offset in (-1, 0, 1):
        index = last + offset
        since = time - np.take_along_axis(beats, index, axis=1)
        gain = np.take_along_axis(rhythm.gain[rows], index, axis=1)
        premature = np.take_along_axis(rhythm.kind[rows], index, axis=1) == VENTRICULAR_PREMATURE
        allowed = np.where(premature[:, :, None], ectopic, 1.0 - ectopic)
        shape += _gaussians(waves, rows, since) * (gain[:, :, None] * allowed)
        step += _plateau(waves, rows, since) * gain * ~premature
    return shape @ amplitude[rows] + step[:, :, None] * plateau[rows, None, :]


def _gaussians(waves: Waves, rows: slice, since: FloatArray) -> FloatArray:
    distance = since[:, :, None] - waves.centre[rows, None, :]
    width = np.where(distance < 0, waves.before[rows, None, :], waves.after[rows, None, :])
    return np.asarray(np.exp(-0.5 * np.square(distance / width)), dtype=np.float64)


def _plateau(waves: Waves, rows: slice, since: FloatArray) -> FloatArray:
    """Rises at the J point, stays level, and fades under the T wave."""
    start = waves.j_point[rows, None]
    end = waves.centre[rows, None, SLOT["T"]] - 0.3 * ST_FALL_S
    rise = np.tanh((since - start + J_RAMP_S) / J_RAMP_S)
    return 0.5 * (rise - np.tanh((since - end) / ST_FALL_S))


def fibrillation_waves(rows: IntArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Return (n, 1000, 8) mV of fibrillatory waves, zero except in `rows`: largest in V1 and II, 4.5-8 Hz."""
    waves = np.zeros((n, RECORD_SAMPLES, 8))
    pattern = np.array([0.25, 0.6, 1.0, 0.6, 0.3, 0.2, 0.15, 0.15])
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    count = rows.size
    rate = rng.uniform(4.5, 8.0, (count, 1))
    drift = np.cumsum(rng.normal(0, 0.12, (count, RECORD_SAMPLES)), axis=1)
    phase = 2 * np.pi * rate * time + drift + rng.uniform(0, 2 * np.pi, (count, 1))
    swell = 1.0 + 0.35 * np.sin(2 * np.pi * rng.uniform(0.3, 0.9, (count, 1)) * time)
    size = np.exp(rng.normal(np.log(0.05), 0.4, (count, 1)))
    trace = size * swell * (np.sin(phase) + 0.35 * np.sin(2 * phase))
    waves[rows] = trace[:, :, None] * pattern
    return waves
