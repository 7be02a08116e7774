"""From the heart vector to eight independent leads, and from those to twelve."""

import numpy as np

from veribeat.conventions import LEADS
from veribeat.simulation.labels import FloatArray
from veribeat.simulation.waves import QRS_SLOTS, SLOT, SLOTS, Waves

INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
"""Leads INDEPENDENT from Frank's x, y, z (Dower, Machado, Osborne 1980)."""


def lead_amplitudes(
    waves: Waves, qrs_turn: FloatArray, t_turn: FloatArray, chest_gain: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Amplitude of every wave (N, slots, 8) and of the ST plateau (N, 8) in INDEPENDENT leads, mV.

    `qrs_turn` and `t_turn` (N, 3, 3) rotate the vectors of activation and of repolarisation; `chest_gain` (N, 6)
    is how near the electrodes V1-V6 lie to the heart.
    """
    turn = np.repeat(qrs_turn[:, None], len(SLOTS), axis=1)
    for slot in ("T", "TR"):
        turn[:, SLOT[slot]] = t_turn
    vectors = np.einsum("nkij,nkj->nki", turn, waves.vector)
    amplitude = vectors @ DOWER.T
    plateau = np.einsum("nij,nj->ni", t_turn, waves.st) @ DOWER.T
    qrs = [SLOT[slot] for slot in QRS_SLOTS if slot != "LATE"]
    chest = amplitude[:, qrs, 2:]
    keep = np.clip(1.0 - waves.r_loss, 0.05, 1.0)[:, None, :]
    amplitude[:, qrs, 2:] = np.where(chest > 0, chest * keep, chest)
    amplitude[:, :, 2:] *= chest_gain[:, None, :]
    plateau[:, 2:] *= chest_gain
    return amplitude, plateau


def twelve_leads(independent: FloatArray) -> FloatArray:
    """(..., 8) INDEPENDENT leads to (..., 12) LEADS; Einthoven's and Goldberger's identities hold exactly."""
    one, two = independent[..., 0], independent[..., 1]
    derived = {
        "III": two - one,
        "AVR": -(one + two) / 2,
        "AVL": one - two / 2,
        "AVF": two - one / 2,
    }
    known = {name: independent[..., index] for index, name in enumerate(INDEPENDENT)}
    return np.stack([(known | derived)[lead] for lead in LEADS], axis=-1)


def frontal_axis(amplitude: FloatArray, width: FloatArray) -> FloatArray:
    """Electrical axis (N,) in degrees from the net QRS area in I and aVF; `width` is (N, slots) s."""
    qrs = [SLOT[slot] for slot in QRS_SLOTS]
    area = (amplitude[:, qrs, :2] * width[:, qrs, None]).sum(axis=1)
    one, foot = area[:, 0], area[:, 1] - area[:, 0] / 2
    axis: FloatArray = np.rad2deg(np.arctan2(foot * 2 / np.sqrt(3), one))
    return axis
