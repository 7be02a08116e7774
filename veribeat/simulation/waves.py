"""The waves of one heart beat as Gaussians with a direction in space: the healthy heart, for N records at once.

Axes of the heart vector are Frank's: x to the left, y to the feet, z to the back. Times are seconds from the
main QRS deflection, amplitudes millivolts.
"""

from dataclasses import dataclass

import numpy as np

from veribeat.simulation.labels import FloatArray, IntArray

SLOTS = ("P1", "P2", "Q", "R", "RS", "S", "LATE", "QMI", "T", "TR", "ECT1", "ECT2", "ECTT")
"""Right and left atrium; septum, apex, left lateral wall, base, late conduction; infarct Q; T, regional T; and the
three waves of a ventricular premature beat."""

SLOT = {name: index for index, name in enumerate(SLOTS)}
QRS_SLOTS = ("Q", "R", "RS", "S", "LATE", "QMI")
ECTOPIC_SLOTS = ("ECT1", "ECT2", "ECTT")

NORMAL = {
    # slot: (centre s, width s, heart vector mV)
    "Q": (-0.022, 0.0080, (-0.14, -0.02, -0.21)),
    "R": (0.000, 0.0110, (1.03, 0.62, 0.13)),
    "RS": (0.019, 0.0105, (0.22, 0.16, 0.66)),
    "S": (0.036, 0.0090, (-0.16, -0.16, 0.20)),
}
NORMAL_T = (0.30, 0.22, -0.13)
NORMAL_ST = (0.015, 0.005, -0.030)
P1_VECTOR, P2_VECTOR = (0.030, 0.095, -0.045), (0.060, 0.055, 0.035)
QRS_ONSET_S = -0.040
J_POINT_S = 0.055


@dataclass
class Waves:
    """Parameters of the waves of N records; the pathology functions change them in place.

    `centre`, `before`, `after` (N, slots) s: peak and the Gaussian widths on its two sides; `vector`
    (N, slots, 3) mV; `st` (N, 3) mV: the ST segment's plateau; `j_point` (N,) s; `r_loss` (N, 6): share of the
    R wave that V1-V6 lose; `qt_extra`, `pr` (N,) s.
    """

    centre: FloatArray
    before: FloatArray
    after: FloatArray
    vector: FloatArray
    st: FloatArray
    j_point: FloatArray
    r_loss: FloatArray
    qt_extra: FloatArray
    pr: FloatArray

    def set_width(self, slot: str, rows: IntArray, width: FloatArray | float) -> None:
        """Set a symmetric width in seconds."""
        self.before[rows, SLOT[slot]] = width
        self.after[rows, SLOT[slot]] = width

    def blend(
        self,
        slot: str,
        rows: IntArray,
        weight: FloatArray,
        *,
        vector: tuple[float, float, float] | None = None,
        centre: float | None = None,
        width: float | None = None,
    ) -> None:
        """Move a wave of `rows` the share `weight` (0-1, one per row) of the way to another shape."""
        index = SLOT[slot]
        if vector is not None:
            old = self.vector[rows, index]
            self.vector[rows, index] = old + weight[:, None] * (np.array(vector) - old)
        if centre is not None:
            self.centre[rows, index] += weight * (centre - self.centre[rows, index])
        if width is not None:
            self.set_width(slot, rows, self.before[rows, index] + weight * (width - self.before[rows, index]))

    def add(self, slot: str, rows: IntArray, vectors: FloatArray) -> None:
        """Add heart vectors (rows, 3) in mV to a wave."""
        self.vector[rows, SLOT[slot]] += vectors

    def scale(self, slot: str, rows: IntArray, factor: FloatArray) -> None:
        """Multiply a wave's amplitude."""
        self.vector[rows, SLOT[slot]] *= factor[:, None]


def healthy_waves(age: FloatArray, female: FloatArray, rng: np.random.Generator) -> Waves:
    """Waves of N healthy hearts that differ between patients; `age` in years, `female` 0 or 1, both (N,)."""
    n = age.size
    slots = len(SLOTS)
    waves = Waves(
        centre=np.zeros((n, slots)),
        before=np.full((n, slots), 0.01),
        after=np.full((n, slots), 0.01),
        vector=np.zeros((n, slots, 3)),
        st=np.array(NORMAL_ST) * _spread(rng, n, 0.6)[:, None],
        j_point=np.full(n, J_POINT_S),
        r_loss=np.zeros((n, 6)),
        qt_extra=np.zeros(n),
        pr=np.clip(rng.normal(0.157, 0.018, n) + 0.0002 * (age - 50), 0.115, 0.199),
    )
    everyone = np.arange(n)
    duration = np.clip(rng.normal(1.0, 0.07, n), 0.82, 1.16) * (1.02 - 0.05 * female)
    for slot, (centre, width, vector) in NORMAL.items():
        index = SLOT[slot]
        waves.centre[:, index] = centre * duration
        waves.set_width(slot, everyone, width * duration)
        waves.vector[:, index] = np.array(vector) * _spread(rng, n, 0.18)[:, None]
    waves.set_width("LATE", everyone, 0.012)
    waves.set_width("QMI", everyone, 0.011)
    _atria(waves, everyone, rng)
    waves.vector[:, SLOT["T"]] = np.array(NORMAL_T) * _spread(rng, n, 0.28)[:, None]
    waves.vector[:, SLOT["T"]] *= (1.12 - 0.15 * female - 0.003 * (age - 50))[:, None]
    _premature_beat(waves, rng)
    size = _spread(rng, n, 0.24) * (1.03 - 0.08 * female) * np.clip(1.1 - 0.002 * (age - 20), 0.9, 1.15)
    for slot in ("Q", "R", "RS", "S", "ECT1", "ECT2", "ECTT"):
        waves.scale(slot, everyone, size)
    return waves


def _atria(waves: Waves, everyone: IntArray, rng: np.random.Generator) -> None:
    n = everyone.size
    size = _spread(rng, n, 0.25)[:, None]
    waves.vector[:, SLOT["P1"]] = np.array(P1_VECTOR) * size
    waves.vector[:, SLOT["P2"]] = np.array(P2_VECTOR) * size * _spread(rng, n, 0.25)[:, None]
    waves.set_width("P1", everyone, 0.017)
    waves.set_width("P2", everyone, 0.019)


def _premature_beat(waves: Waves, rng: np.random.Generator) -> None:
    """A broad QRS of random ventricular origin, T opposite to it."""
    n = len(waves.centre)
    everyone = np.arange(n)
    x = rng.choice([-0.8, 0.9], n) * rng.uniform(0.5, 1.2, n)
    y = rng.choice([-0.9, 1.1], n) * rng.uniform(0.5, 1.2, n)
    z = rng.choice([-0.7, 0.8], n) * rng.uniform(0.4, 1.1, n)
    direction = np.column_stack([x, y, z])
    waves.vector[:, SLOT["ECT1"]] = direction
    waves.vector[:, SLOT["ECT2"]] = direction * np.array([0.9, 0.6, 1.0]) + rng.normal(0, 0.15, (n, 3))
    waves.vector[:, SLOT["ECTT"]] = -0.45 * direction
    for slot, centre, width in (("ECT1", -0.005, 0.026), ("ECT2", 0.055, 0.028), ("ECTT", 0.300, 0.060)):
        waves.centre[:, SLOT[slot]] = centre
        waves.set_width(slot, everyone, width)


def place_in_cycle(waves: Waves, mean_rr: FloatArray, female: FloatArray, rng: np.random.Generator) -> None:
    """Place P by the PR interval and T by the QT interval (Fridericia), after all pathology."""
    n = mean_rr.size
    cube_root = np.cbrt(mean_rr)
    corrected = np.clip(rng.normal(0.402, 0.016, n) + 0.010 * female + waves.qt_extra, 0.34, 0.56)
    late = waves.j_point - J_POINT_S  # a late end of the QRS delays repolarisation
    t_end = QRS_ONSET_S + corrected * cube_root + 0.8 * late
    rise, fall = 0.054 * cube_root, 0.036 * cube_root
    t_peak = np.maximum(t_end - 2.1 * fall, waves.j_point + 1.6 * rise)
    # a regional T begins in the ST segment, so that elevation is domed and depression slopes down
    for slot, shift, slope in (("T", 0.0, 1.0), ("TR", 0.006, 1.45)):
        waves.centre[:, SLOT[slot]] += t_peak + shift
        waves.before[:, SLOT[slot]] = rise * slope
        waves.after[:, SLOT[slot]] = fall
    p_onset = QRS_ONSET_S - waves.pr
    waves.centre[:, SLOT["P1"]] += p_onset + 0.040
    waves.centre[:, SLOT["P2"]] += p_onset + 0.064


def rotation(frontal: FloatArray, horizontal: FloatArray, sagittal: FloatArray) -> FloatArray:
    """Rotation matrices (N, 3, 3) of the heart; angles in degrees.

    Positive `frontal` turns the axis towards the feet, positive `horizontal` towards the back.
    """
    f, h, s = (np.deg2rad(angle) for angle in (frontal, horizontal, sagittal))
    one, zero = np.ones_like(f), np.zeros_like(f)
    about_z = _matrix([[np.cos(f), -np.sin(f), zero], [np.sin(f), np.cos(f), zero], [zero, zero, one]])
    about_y = _matrix([[np.cos(h), zero, -np.sin(h)], [zero, one, zero], [np.sin(h), zero, np.cos(h)]])
    about_x = _matrix([[one, zero, zero], [zero, np.cos(s), -np.sin(s)], [zero, np.sin(s), np.cos(s)]])
    return about_z @ about_y @ about_x


def _matrix(rows: list[list[FloatArray]]) -> FloatArray:
    return np.moveaxis(np.array(rows), 2, 0)


def _spread(rng: np.random.Generator, n: int, sigma: float) -> FloatArray:
    """Log-normal factors around 1."""
    return np.exp(rng.normal(0.0, sigma, n))
