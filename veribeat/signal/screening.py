"""Screening of incoming recordings without a human: electrodes off, mains hum, exchanged electrodes.

`quality` warns a person who looks at one record; this decides about many. Limits were chosen on folds 1-7 and 9 of
PTB-XL. Learnt from folds 1-7, of faults put into each of the 2,183 records of fold 9 by a seed that nothing was chosen
with (`python -m benchmarks.screening WORKSPACE --seed 4711`), it flags:

- mains hum: 100 %
- one electrode off: 98.2 %; all that are flat or noisy; of those that wander, RA 96 %, LA 81 %, LL 84 %, chest 98.5 %
- exchanged: RA and LA 98.4 %, RA and LL 99.5 %, V1 and V3 96.8 %, V2 and V5 99.7 %, V3 and V6 99.2 %
- exchanged, but not reliably found: LA and LL 9 %, V1 and V2 47 %, V2 and V3 46 %, V3 and V4 49 %, V4 and V5 22 %,
  V5 and V6 7 %, V4 and V6 62 %
- of the records as they are: 1.7 %, some of which have the defect

About 5 % of the exchanged electrodes are called an electrode that is off. Mains of 60 Hz are not looked for.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES
from veribeat.errors import InputError
from veribeat.signal.beat_shape import median_beats, shape_features
from veribeat.signal.electrode_changes import PAIRS, Rules, fit_rules
from veribeat.signal.electrode_levels import ElectrodeLevels, electrode_levels
from veribeat.signal.electrodes import ELECTRODES, LIMBS

Array = NDArray[np.float64]

# Shares in parentheses are of folds 5-7 and 9 of PTB-XL as they are.
HUM_MV: Final = 0.04
HUM_TIMES_NOISE: Final = 0.3
"""Amplitude in the lead with most; and against noise, which has a little of every frequency (hum alone: 0.6)."""

NOISE_MV: Final = 0.05
NOISE_TIMES_MEDIAN: Final = 3.0
"""Noise of the electrode with most, and how far it stands out among the nine (0.05 %)."""

OFFSET_MV: Final = 0.46
"""Distance from zero of the electrode that is farthest; recorders take a constant away (0.2 %)."""

WANDER_MV: Final = 0.9
WANDER_TIMES_MEDIAN: Final = 2.0
LIMB_SUSPICIOUS, CHEST_SUSPICIOUS = 0.10, 0.006
"""Extent of the wander of the electrode with most, how far it stands out, and by what share of the clean records its
heart beat must be the least credible. Chest electrodes often wander alone, limb electrodes hardly ever."""

SILENT_FALSE_ALARMS: Final = 0.002
SWAP_FALSE_ALARMS: Final = 0.005
"""Shares of the clean records that the learnt rules may flag, all electrodes and all pairs together."""


class Defect(StrEnum):
    """Why an incoming record is flagged, in the order of checking: it gets the first."""

    MAINS_HUM = "mains hum"
    ELECTRODE_OFF = "electrode off"
    LEADS_SWAPPED = "leads swapped"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a record, and where and how much."""

    reason: Defect
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True)
class Screening:
    """The rules for silent and for exchanged electrodes; all other limits are constants of this module.

    `suspected` (9,) is what the log odds of a silent electrode must exceed where it also wanders alone.
    """

    silent: Rules
    suspected: Array
    swapped: Rules

    @classmethod
    def fit(cls, signals_mv: NDArray[np.floating]) -> "Screening":
        """Learn from the training cohort's records, (N, 1000, 12) in mV, most of them without defect.

        Records that the fixed limits flag are not learnt from. The same signals give the same rules.

        Raises:
            InputError: a wrong shape, or too few records to learn from.
        """
        _check_shape(signals_mv)
        levels = electrode_levels(signals_mv)
        clean = [fixed_limits(levels, row) is None for row in range(len(signals_mv))]
        beats = median_beats(signals_mv)[clean]
        silent, odds = fit_rules(beats, SILENT_FALSE_ALARMS, ELECTRODES)
        shares = [LIMB_SUSPICIOUS if name in LIMBS else CHEST_SUSPICIOUS for name in ELECTRODES]
        suspected = np.array([np.quantile(each, 1 - share) for each, share in zip(odds, shares, strict=True)])
        swapped, _ = fit_rules(beats, SWAP_FALSE_ALARMS, PAIRS)
        return cls(silent, suspected, swapped)

    def screen(self, signals_mv: NDArray[np.floating]) -> list[Finding | None]:
        """What is wrong with each of N records (N, 1000, 12) in mV; None for those that pass.

        Raises:
            InputError: a wrong shape.
        """
        _check_shape(signals_mv)
        levels = electrode_levels(signals_mv)
        features = shape_features(median_beats(signals_mv))
        silent, swapped = self.silent.excess(features), self.swapped.excess(features)
        suspicious = silent + self.silent.thresholds > self.suspected
        return [
            fixed_limits(levels, row)
            or _wander(levels.wander[row], suspicious[row])
            # Exchanged electrodes make others look silent; what is silent has mostly been found by now.
            or _swapped(swapped[row])
            or _silent(silent[row])
            for row in range(len(signals_mv))
        ]


def _check_shape(signals_mv: NDArray[np.floating]) -> None:
    if signals_mv.ndim != 3 or signals_mv.shape[1:] != (RECORD_SAMPLES, len(LEADS)):
        raise InputError(
            f"Screening takes records of shape (N, {RECORD_SAMPLES}, {len(LEADS)}) in mV, not {signals_mv.shape}."
        )


def fixed_limits(levels: ElectrodeLevels, row: int) -> Finding | None:
    """What the limits that are not learnt say about one record."""
    return (
        _hum(levels.hum[row], levels.noise[row]) or _noise(levels.noise[row]) or _offset(levels.offset[row])
    )


def _hum(hum: Array, noise: Array) -> Finding | None:
    lead = int(hum.argmax())
    if hum[lead] < HUM_MV or hum[lead] < HUM_TIMES_NOISE * noise.max():
        return None
    return Finding(Defect.MAINS_HUM, f"{hum[lead]:.2f} mV near 50 Hz in {LEADS[lead]}")


def _noise(noise: Array) -> Finding | None:
    worst = int(noise.argmax())
    if noise[worst] < NOISE_MV or noise[worst] < NOISE_TIMES_MEDIAN * np.median(noise):
        return None
    return Finding(Defect.ELECTRODE_OFF, f"{ELECTRODES[worst]} has noise of {noise[worst]:.2f} mV")


def _offset(offset: Array) -> Finding | None:
    worst = int(offset.argmax())
    if offset[worst] < OFFSET_MV:
        return None
    return Finding(Defect.ELECTRODE_OFF, f"{ELECTRODES[worst]} is {offset[worst]:.2f} mV off zero")


def _wander(wander: Array, suspicious: NDArray[np.bool_]) -> Finding | None:
    worst = int(wander.argmax())
    alone = wander[worst] >= max(WANDER_MV, WANDER_TIMES_MEDIAN * float(np.median(wander)))
    if not (alone and suspicious[worst]):
        return None
    return Finding(
        Defect.ELECTRODE_OFF,
        f"{ELECTRODES[worst]} wanders by {wander[worst]:.1f} mV and hardly shows the heart",
    )


def _swapped(excess: Array) -> Finding | None:
    if excess.max() <= 0:
        return None
    pair = " and ".join(PAIRS[int(excess.argmax())])
    return Finding(Defect.LEADS_SWAPPED, f"{pair} seem exchanged, {_above(excess)}")


def _silent(excess: Array) -> Finding | None:
    if excess.max() <= 0:
        return None
    name = ELECTRODES[int(excess.argmax())]
    return Finding(Defect.ELECTRODE_OFF, f"no heart beat at {name}, {_above(excess)}")


def _above(excess: Array) -> str:
    return f"log odds {excess.max():.1f} above the limit"
