"""Whether the records of one device in a batch are amplified or noisy otherwise than those it is trained on.

One record says nothing about its device: amplitudes of hearts differ by a factor of two. Many together do. A difference
counts when it is both unlikely by chance and large, because among thousands of records any difference is certain, and
among few any size happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from veribeat.errors import InputError
from veribeat.signal.electrode_levels import CHUNK, electrode_levels

Array = NDArray[np.float64]

FEWEST: Final = 20
"""Records of a device in a batch that can be judged."""

FEWEST_KNOWN: Final = 50
"""Training records of a device that it is compared with; with fewer, it is compared with all devices together."""

CHANCE: Final = 1e-4
"""Largest p-value of the rank test (Mann-Whitney, two-sided)."""

GAIN: Final = 1.25
NOISE: Final = 1.5
"""Least factor, up or down, between the medians. In PTB-XL's folds 1-7, devices with 50 records or more are within 1.14
(amplitude) and 1.08 (noise) of all together, the three with fewer within 1.16 and 1.28; the records without NORM have
1.07 and 1.11 times as much as those with."""

NOISE_FLOOR_MV: Final = 0.001
"""Added before the logarithm: what a stored unit can show."""


@dataclass(frozen=True)
class SignalLevels:
    """Per record, (N,): natural logarithms of amplitude and noise in mV."""

    amplitude: Array
    noise: Array

    def of(self, rows: NDArray[np.bool_]) -> "SignalLevels":
        """Those of the records that a mask (N,) picks."""
        return SignalLevels(self.amplitude[rows], self.noise[rows])


@dataclass(frozen=True)
class DeviceShift:
    """A device whose records differ: how many, their factors of amplitude and noise, and against what.

    `p_amplitude` and `p_noise` are of the rank test; `compared_with` is the device, or "all devices".
    """

    device: str
    records: int
    gain: float
    noise: float
    p_amplitude: float
    p_noise: float
    compared_with: str

    def __str__(self) -> str:
        return (
            f"{self.records} records of {self.device!r} have {self.gain:.2f} times the amplitude (p = "
            f"{self.p_amplitude:.1g}) and {self.noise:.2f} times the noise (p = {self.p_noise:.1g}) of the training "
            f"records of {self.compared_with}"
        )


def signal_levels(signals_mv: NDArray[np.floating]) -> SignalLevels:
    """Amplitude and noise of records (N, 1000, 12) in mV.

    Amplitude: from the 1st to the 99th percentile of a lead, the median lead. Noise: that between QRS complexes
    (`electrode_levels`) of the median electrode.
    """
    spans = [np.empty(0)]
    for first in range(0, len(signals_mv), CHUNK):
        low, high = np.quantile(signals_mv[first : first + CHUNK], [0.01, 0.99], axis=1)
        spans.append(np.median(high - low, axis=1))
    noise = np.median(electrode_levels(signals_mv).noise, axis=1)
    return SignalLevels(
        np.log(np.concatenate(spans) + NOISE_FLOOR_MV),
        np.log(noise + NOISE_FLOOR_MV),
    )


def shifted_devices(
    batch: SignalLevels,
    batch_devices: Sequence[str],
    training: SignalLevels,
    training_devices: Sequence[str],
) -> list[DeviceShift]:
    """The devices of a batch whose records are to be looked at before they are used, by name.

    Records that `Screening` flags should be left out. A device with fewer than FEWEST records in the batch is not
    judged; `unjudged_devices` names those.

    Raises:
        InputError: levels and devices differ in number, or there are fewer than FEWEST_KNOWN training records.
    """
    _check(batch, batch_devices)
    _check(training, training_devices)
    if len(training_devices) < FEWEST_KNOWN:
        raise InputError(
            f"{len(training_devices)} training records are too few to compare devices with; at least {FEWEST_KNOWN} "
            "are needed."
        )
    shifts = []
    for device, rows in _groups(batch_devices):
        if rows.sum() < FEWEST:
            continue
        known = np.array([name == device for name in training_devices])
        enough = known.sum() >= FEWEST_KNOWN
        reference = training.of(known) if enough else training
        shift = _compare(device, batch.of(rows), reference, repr(device) if enough else "all devices")
        if _differs(shift.gain, GAIN, shift.p_amplitude) or _differs(shift.noise, NOISE, shift.p_noise):
            shifts.append(shift)
    return shifts


def unjudged_devices(batch_devices: Sequence[str]) -> dict[str, int]:
    """Devices with too few records in a batch to be judged, by name, and how many they have."""
    return {device: int(rows.sum()) for device, rows in _groups(batch_devices) if rows.sum() < FEWEST}


def _groups(devices: Sequence[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    return [(device, np.array([name == device for name in devices])) for device in sorted(set(devices))]


def _check(levels: SignalLevels, devices: Sequence[str]) -> None:
    if len(levels.amplitude) != len(devices):
        raise InputError(
            f"There are levels of {len(levels.amplitude)} records and devices of {len(devices)}; give a device each."
        )


def _compare(device: str, batch: SignalLevels, reference: SignalLevels, compared_with: str) -> DeviceShift:
    gain, p_amplitude = _factor(batch.amplitude, reference.amplitude)
    noise, p_noise = _factor(batch.noise, reference.noise)
    return DeviceShift(device, len(batch.amplitude), gain, noise, p_amplitude, p_noise, compared_with)


def _factor(new: Array, old: Array) -> tuple[float, float]:
    return float(np.exp(np.median(new) - np.median(old))), float(mannwhitneyu(new, old).pvalue)


def _differs(factor: float, limit: float, chance: float) -> bool:
    return chance <= CHANCE and not 1 / limit < factor < limit
