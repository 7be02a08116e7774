"""What each statement does to the waves of a healthy heart, graded by a severity between 0 and 1.

Heart vectors follow `veribeat.simulation.waves`: x left, y feet, z back, millivolts. The functions change `waves`
in place for the records `rows` (indices) with one severity per row. Order matters and is fixed by
`apply_pathology`: conduction changes the sequence of activation, hypertrophy its size, infarction removes part of
it, and repolarisation comes last.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from veribeat.simulation.labels import FloatArray, IntArray
from veribeat.simulation.waves import SLOT, Waves

STAGES = ("acute", "subacute", "old")
STAGE_SHARES = (0.25, 0.20, 0.55)

# Wall that faces the injured muscle, and the share of R that V1-V6 lose to a scar there.
INFARCTS: dict[str, tuple[tuple[float, float, float], tuple[float, ...]]] = {
    "IMI": ((-0.15, 1.00, 0.15), (0, 0, 0, 0, 0, 0)),
    "ILMI": ((0.50, 0.85, 0.25), (0, 0, 0, 0, 0.5, 0.7)),
    "IPMI": ((-0.05, 0.75, 0.80), (0, 0, 0, 0, 0, 0)),
    "ASMI": ((0.05, -0.12, -1.00), (0.9, 0.95, 0.9, 0.4, 0, 0)),
    "AMI": ((0.45, -0.12, -0.90), (0.5, 0.8, 0.9, 0.8, 0.4, 0)),
    "ALMI": ((0.85, -0.35, -0.50), (0, 0.3, 0.7, 0.8, 0.7, 0.6)),
    "LMI": ((0.95, -0.45, 0.15), (0, 0, 0, 0, 0.5, 0.6)),
    "PMI": ((0.05, 0.15, 1.00), (0, 0, 0, 0, 0, 0)),
}

# Wall that looks at the ischaemic muscle in ST depression and T inversion.
ISCHAEMIA: dict[str, tuple[float, float, float]] = {
    "ISC_": (0.75, 0.60, -0.10),
    "ISCAL": (0.80, 0.00, -0.55),
    "ISCIN": (0.00, 1.00, 0.10),
    "ISCLA": (0.95, -0.25, 0.10),
    "ISCAS": (0.20, 0.00, -1.00),
}


def infarction(statement: str, stage: str, waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Q waves and R loss over the scar; ST elevation when acute, T inversion when subacute or old."""
    direction, chest_loss = INFARCTS[statement]
    facing = np.array(direction) / np.linalg.norm(direction)
    scar = severity * {"acute": 0.40, "subacute": 0.85, "old": 1.0}[stage]
    injury = severity * {"acute": 0.36, "subacute": 0.10, "old": 0.02}[stage]
    # Dead muscle no longer pulls the heart vector towards it: early forces point away (the Q wave), R shrinks.
    waves.add("QMI", rows, -(0.08 + 0.45 * scar)[:, None] * facing)
    waves.centre[rows, SLOT["QMI"]] = -0.020
    waves.set_width("QMI", rows, 0.010 + 0.005 * scar)
    _remove_towards(waves, "Q", rows, facing, np.minimum(1.0, 1.3 * scar))
    _remove_towards(waves, "R", rows, facing, 0.45 * scar)
    waves.r_loss[rows] += scar[:, None] * np.array(chest_loss)
    waves.st[rows] += injury[:, None] * facing
    _remove_towards(waves, "T", rows, facing, severity * {"acute": 0.0, "subacute": 1.0, "old": 0.8}[stage])
    regional = {"acute": 0.30, "subacute": -0.38, "old": -0.13}[stage]
    waves.add("TR", rows, (regional * severity)[:, None] * facing)


def _remove_towards(waves: Waves, slot: str, rows: IntArray, facing: FloatArray, share: FloatArray) -> None:
    """Take away a share of the wave's component along `facing`, if it points that way."""
    component = np.maximum(waves.vector[rows, SLOT[slot]] @ facing, 0.0)
    waves.add(slot, rows, -(share * component)[:, None] * facing)


def ischaemia(statement: str, waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Horizontal to down-sloping ST depression and T inversion in the leads that look at one wall."""
    direction = ISCHAEMIA[statement]
    facing = np.array(direction) / np.linalg.norm(direction)
    waves.st[rows] -= (0.03 + 0.09 * severity)[:, None] * facing
    upright = np.maximum(waves.vector[rows, SLOT["T"]] @ facing, 0.0)
    waves.add("TR", rows, -(np.minimum(1.0, 0.35 + severity) * upright + 0.38 * severity)[:, None] * facing)


def flat_t(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Non-diagnostic T: low, flat or just inverted everywhere."""
    waves.scale("T", rows, 0.65 - 0.80 * severity)


def nonspecific_st(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Slight ST depression laterally and inferiorly with a low T."""
    waves.st[rows] -= (0.02 + 0.10 * severity)[:, None] * np.array([0.75, 0.60, -0.15])
    waves.scale("T", rows, 0.80 - 0.45 * severity)


def long_qt(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """QTc longer by 50-130 ms."""
    waves.qt_extra[rows] += 0.050 + 0.080 * severity


def left_bundle_block(degree: float, waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """No septal q, broad notched R in I, aVL, V5, V6, deep S in V1-V3, ST-T opposite to the QRS."""
    weight = degree * (0.82 + 0.18 * severity)
    waves.blend("Q", rows, np.minimum(1.0, weight * 1.2), vector=(0.16, 0.08, 0.06), width=0.012)
    waves.blend("R", rows, weight, vector=(0.82, 0.30, 0.55), centre=0.006, width=0.019)
    waves.blend("RS", rows, weight, vector=(0.88, 0.10, 1.15), centre=0.064, width=0.019)
    waves.blend("S", rows, weight, vector=(0.10, 0.00, 0.30), centre=0.098, width=0.016)
    waves.j_point[rows] = _mix(waves.j_point[rows], 0.118, weight)
    waves.st[rows] += weight[:, None] * np.array([-0.13, -0.03, -0.17])
    waves.blend("T", rows, weight, vector=(-0.26, -0.04, -0.42))


def right_bundle_block(degree: float, waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """A late vector to the right and front: rsR' in V1, broad S in I and V6, T inverted in V1."""
    weight = degree * (0.65 + 0.35 * severity)
    waves.add("LATE", rows, weight[:, None] * np.array([-0.70, -0.06, -0.66]))
    waves.centre[rows, SLOT["LATE"]] = 0.052 + 0.024 * degree
    waves.set_width("LATE", rows, 0.009 + 0.009 * degree)
    waves.blend("S", rows, weight, vector=(-0.05, -0.05, 0.02))
    waves.j_point[rows] = _mix(waves.j_point[rows], 0.110, np.full(rows.size, degree**0.7))
    waves.add("T", rows, weight[:, None] * np.array([0.06, 0.03, 0.24]))


def left_anterior_block(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Left axis: qR in I and aVL, rS in II, III, aVF."""
    weight = 0.72 + 0.28 * severity
    waves.blend("Q", rows, weight, vector=(-0.16, 0.34, -0.16))
    waves.blend("R", rows, weight, vector=(0.88, -0.55, 0.20), centre=0.006)
    waves.blend("RS", rows, weight, vector=(0.25, -0.60, 0.55), centre=0.027, width=0.0125)
    waves.blend("S", rows, weight, vector=(-0.20, -0.28, 0.22), centre=0.048, width=0.010)
    waves.j_point[rows] += 0.010


def conduction_delay(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Non-specific: a slurred, notched QRS of 110-140 ms without the picture of either bundle."""
    stretch = 1.25 + 0.35 * severity
    for slot in ("Q", "R", "RS", "S"):
        waves.centre[rows, SLOT[slot]] *= stretch
        waves.set_width(slot, rows, waves.before[rows, SLOT[slot]] * (1.0 + 0.6 * (stretch - 1.0)))
    waves.centre[rows, SLOT["LATE"]] = 0.047 * stretch
    waves.set_width("LATE", rows, 0.011)
    waves.add("LATE", rows, (0.15 + 0.35 * severity)[:, None] * np.array([0.45, 0.30, 0.45]))
    waves.j_point[rows] += 0.015 + 0.035 * severity


def long_pr(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """First-degree AV block: PR 205-330 ms."""
    waves.pr[rows] = 0.205 + 0.125 * severity


def left_hypertrophy(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Tall R in V5, V6 and deep S in V1, V2; strain (ST depression, T inversion laterally) as it grows."""
    growth = 1.15 + 0.90 * severity
    waves.scale("R", rows, growth)
    waves.scale("RS", rows, growth)
    waves.add("R", rows, (0.25 * severity)[:, None] * np.array([0.6, -0.6, 0.5]))
    for slot in ("R", "RS"):
        waves.set_width(slot, rows, waves.before[rows, SLOT[slot]] * (1.0 + 0.12 * severity))
    strain = np.clip((severity - 0.25) / 0.6, 0.0, 1.0)
    waves.st[rows] += strain[:, None] * np.array([-0.15, 0.00, -0.14])
    waves.blend("T", rows, 0.15 + 0.85 * strain, vector=(-0.26, 0.06, -0.26))
    waves.scale("P2", rows, 1.0 + 0.5 * severity)


def right_hypertrophy(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """Right axis, tall R in V1, deep S in V5, V6, strain in V1-V3."""
    weight = 0.62 + 0.38 * severity
    waves.blend("Q", rows, weight, vector=(0.02, -0.10, -0.15))
    waves.blend("R", rows, weight, vector=(-0.40, 0.75, -0.70))
    waves.blend("RS", rows, weight, vector=(-0.65, 0.25, 0.05))
    waves.blend("S", rows, weight, vector=(-0.35, -0.20, 0.10))
    waves.st[rows] += weight[:, None] * np.array([0.04, -0.03, 0.07])
    waves.blend("T", rows, weight, vector=(0.22, 0.04, 0.24))
    waves.scale("P1", rows, 1.0 + 0.7 * severity)


def left_atrium(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """A broad, double-peaked P in II with a deep terminal part in V1."""
    waves.scale("P2", rows, 1.3 + 0.7 * severity)
    waves.add("P2", rows, (0.04 + 0.06 * severity)[:, None] * np.array([0.2, 0.0, 1.0]))
    waves.centre[rows, SLOT["P2"]] += 0.020 + 0.015 * severity
    waves.centre[rows, SLOT["P1"]] -= 0.012


def right_atrium(waves: Waves, rows: IntArray, severity: FloatArray) -> None:
    """A tall, peaked P in II, III, aVF."""
    waves.scale("P1", rows, 1.7 + 0.9 * severity)


Effect = Callable[[Waves, IntArray, FloatArray], None]

CONDUCTION: dict[str, Effect] = {
    "CLBBB": partial(left_bundle_block, 1.0),
    "ILBBB": partial(left_bundle_block, 0.55),
    "CRBBB": partial(right_bundle_block, 1.0),
    "IRBBB": partial(right_bundle_block, 0.45),
    "LAFB": left_anterior_block,
    "IVCD": conduction_delay,
    "1AVB": long_pr,
}
HYPERTROPHY: dict[str, Effect] = {
    "LVH": left_hypertrophy,
    "RVH": right_hypertrophy,
    "LAO/LAE": left_atrium,
    "RAO/RAE": right_atrium,
}
REPOLARISATION: dict[str, Effect] = {
    "NDT": flat_t,
    "NST_": nonspecific_st,
    "LNGQT": long_qt,
    **{statement: partial(ischaemia, statement) for statement in ISCHAEMIA},
}
INFARCTION: dict[tuple[str, str], Effect] = {
    (statement, stage): partial(infarction, statement, stage) for statement in INFARCTS for stage in STAGES
}


def apply_pathology(
    waves: Waves,
    variants: dict[str, NDArray[np.str_]],
    stage: NDArray[np.str_],
    severity: dict[str, FloatArray],
) -> None:
    """Apply every record's statements: `variants` and `severity` hold one (N,) array per superclass, "" for none.

    `stage` (N,) is the stage of the infarction, one of STAGES.
    """
    for superclass, effects in (("CD", CONDUCTION), ("HYP", HYPERTROPHY)):
        for statement, effect in effects.items():
            rows = np.flatnonzero(variants[superclass] == statement)
            effect(waves, rows, severity[superclass][rows])
    for (statement, phase), effect in INFARCTION.items():
        rows = np.flatnonzero((variants["MI"] == statement) & (stage == phase))
        effect(waves, rows, severity["MI"][rows])
    for statement, effect in REPOLARISATION.items():
        rows = np.flatnonzero(variants["STTC"] == statement)
        effect(waves, rows, severity["STTC"][rows])


def _mix(old: FloatArray, new: float, weight: FloatArray) -> FloatArray:
    return old + weight * (new - old)
