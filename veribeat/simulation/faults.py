"""Faults of the recording put into real 12-lead signals, to find out what a screening finds.

A fault happens at an electrode and reaches the leads through Einthoven's, Goldberger's and Wilson's equations, so that
none of these gives it away. Each function takes a record (1000, 12) in mV, in the order of LEADS, and a seeded
generator, and returns the faulty record and what was done in a few words. A record's limb leads III to AVF are computed
anew from I and II where a limb electrode is concerned: they differ by rounding only from what was stored.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, SAMPLING_RATE
from veribeat.signal.electrodes import ELECTRODES, LIMBS, affected_leads, leads_of, potentials

Signal = NDArray[np.float64]


class Fault(StrEnum):
    """What can be wrong with an incoming batch; all but the last change signals."""

    BROKEN_ELECTRODE = "broken_electrode"
    NEW_DEVICE = "new_device"
    MAINS_HUM = "mains_hum"
    SWAPPED_LEADS = "swapped_leads"
    LABEL_SHIFT = "label_shift"


SIGNAL_FAULTS: Final = (
    Fault.BROKEN_ELECTRODE,
    Fault.NEW_DEVICE,
    Fault.MAINS_HUM,
    Fault.SWAPPED_LEADS,
)
"""The faults that change a record; it gets one of them at most."""

OFF_MODES: Final = ("flat", "wandering", "noisy")
"""What an amplifier shows of an electrode that is off, each as often: a still line away from zero; a line that wanders;
the noise of an open input."""

FLAT_OFFSET_MV: Final = (0.5, 3.0)
FLAT_NOISE_MV: Final = (0.003, 0.02)
"""Distance of the still line from zero, either side, and its noise: standard deviation."""

WANDERING_MV: Final = (1.0, 4.0)
"""From lowest to highest of the line that wanders."""

NOISY_MV: Final = (0.1, 0.5)
"""Standard deviation of an open input's noise."""

HUM_MV: Final = (0.1, 0.3)
HUM_HZ: Final = 50.0
HUM_DRIFT_HZ: Final = 0.1
"""Amplitude in the lead that shows most, 1 to 3 mm on paper; the frequency, and how far European mains are off it."""

GAIN: Final = (1.6, 2.0)
DEVICE_NOISE_MV: Final = (0.01, 0.02)
"""Factor, one per stream, and standard deviation of a new device's own noise at each electrode."""

SWAPS: Final = {
    ("RA", "LA"): 0.55,
    ("RA", "LL"): 0.15,
    ("V1", "V3"): 0.10,
    ("V2", "V5"): 0.10,
    ("V3", "V6"): 0.10,
}
"""Exchanged electrodes and how often. Arm reversal is the commonest in practice, which the first weight says; the
others are our choice. Not among them: LA with LL and neighbours on the chest, which change a record about as much as
another patient does (benchmarks/screening.py measures how many of those are found)."""


def break_electrode(
    signal: Signal, random: np.random.Generator, electrode: str | None = None, mode: str | None = None
) -> tuple[Signal, str]:
    """A record (1000, 12) in mV with one electrode off, and which and how.

    What the electrode picked up is replaced by one of OFF_MODES. A chest electrode concerns its own lead; a limb
    electrode the six limb leads, but for the one it is no part of, and through Wilson's terminal all chest leads.
    Electrode and mode are drawn unless they are given.
    """
    electrode = electrode or str(random.choice(ELECTRODES))
    mode = mode or str(random.choice(OFF_MODES))
    electrodes = potentials(signal)
    electrodes[:, ELECTRODES.index(electrode)] = _open_input(mode, random)
    faulty = leads_of(electrodes)
    untouched = [LEADS.index(lead) for lead in LEADS if lead not in affected_leads(electrode)]
    faulty[:, untouched] = signal[:, untouched]
    return faulty, f"{electrode} off, {mode}"


def _open_input(mode: str, random: np.random.Generator) -> Signal:
    """What an electrode that is off contributes, (1000,) in mV."""
    noise = random.uniform(*FLAT_NOISE_MV) * random.standard_normal(RECORD_SAMPLES)
    offset = random.choice([-1.0, 1.0]) * random.uniform(*FLAT_OFFSET_MV)
    if mode == "flat":
        return np.asarray(offset + noise)
    if mode == "wandering":
        time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
        wave = sum(
            random.uniform(0.3, 1.0)
            * np.sin(2 * np.pi * random.uniform(*band) * time + random.uniform(0, 6.28))
            for band in ((0.05, 0.15), (0.15, 0.4), (0.4, 0.8))
        )
        return np.asarray(random.uniform(*WANDERING_MV) * wave / np.ptp(wave) + noise)
    if mode == "noisy":
        return np.asarray(random.uniform(*NOISY_MV) * random.standard_normal(RECORD_SAMPLES))
    raise ValueError(f"an electrode that is off is one of {', '.join(OFF_MODES)}, not {mode!r}")


def add_hum(signal: Signal, random: np.random.Generator) -> tuple[Signal, str]:
    """A record (1000, 12) in mV with mains hum, and how much.

    Each electrode has its own share of it, because what its contact lets in differs. At 100 Hz a wave of 50 Hz is at
    the Nyquist limit: samples show it times the cosine of its phase, which moves as the mains are off 50 Hz. The
    amplitude is that of a sine with the power that the samples show, in the lead with most.
    """
    time = np.arange(RECORD_SAMPLES) / SAMPLING_RATE
    hz = HUM_HZ + random.uniform(-HUM_DRIFT_HZ, HUM_DRIFT_HZ)
    wave = np.sin(2 * np.pi * hz * time + random.uniform(0, 2 * np.pi))
    leads = leads_of(wave[:, None] * random.normal(0, 1, len(ELECTRODES)))
    amplitude = np.sqrt(2 * np.square(leads).mean(axis=0))
    asked = random.uniform(*HUM_MV)
    worst = LEADS[int(amplitude.argmax())]
    return signal + leads * asked / amplitude.max(), f"{asked:.2f} mV in {worst}, {hz:.2f} Hz"


def swap_electrodes(
    signal: Signal, random: np.random.Generator, pair: tuple[str, str] | None = None
) -> tuple[Signal, str]:
    """A record (1000, 12) in mV as two exchanged electrodes would have made it, and which.

    The pair is drawn from SWAPS by weight unless it is given.
    """
    if pair is None:
        pair = tuple(SWAPS)[random.choice(len(SWAPS), p=list(SWAPS.values()))]
    first, second = (ELECTRODES.index(name) for name in pair)
    if pair[0] in LIMBS:
        electrodes = potentials(signal)
        electrodes[:, [first, second]] = electrodes[:, [second, first]]
        faulty = leads_of(electrodes)
        faulty[:, 6:] = signal[:, 6:]  # Wilson's terminal is the same
    else:
        columns = [LEADS.index(name) for name in pair]
        faulty = signal.copy()
        faulty[:, columns] = signal[:, columns[::-1]]
    return faulty, f"{pair[0]} and {pair[1]} exchanged"


def draw_gain(random: np.random.Generator) -> float:
    """The factor of a stream's new device."""
    return float(random.uniform(*GAIN))


def record_with_new_device(signal: Signal, random: np.random.Generator, gain: float) -> tuple[Signal, str]:
    """A record (1000, 12) in mV as a device with another gain and more noise would have stored it, and how."""
    level = random.uniform(*DEVICE_NOISE_MV)
    noise = leads_of(level * random.standard_normal((RECORD_SAMPLES, len(ELECTRODES))))
    return gain * signal + noise, f"gain {gain:.3f}, noise {level:.3f} mV"
