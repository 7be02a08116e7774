"""Known noise and wrong labels on real records, to find out what finds them.

Noise is that of electrodes (`veribeat.simulation.noise`), so that Einthoven's and Goldberger's equations hold for it.
Its kind and its size against the record's own signal are drawn per record.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, UNITS_PER_MV
from veribeat.errors import InputError
from veribeat.simulation.noise import ELECTRODES, TO_LEADS, baseline_wander, electrode_motion, muscle_noise
from veribeat.simulation.projection import twelve_leads

KINDS: Final = ("baseline_wander", "muscle", "electrode_pop", "motion")
"""Slow drift of every electrode; muscle noise of every electrode; one electrode that jumps and comes back; several that
move at once while the muscles work."""

MUSCLE_IN_MOTION = 0.05
"""Level of muscle noise against that of the moving electrodes, which rest most of the time: a fifth of the power."""

LIMIT = np.iinfo(np.int16)


@dataclass(frozen=True)
class Contamination:
    """How much of what: shares (0-1) of the records that get noise and other labels, drawn independently; the ratio of
    signal to noise, lowest and highest, in dB of power; a seed."""

    record_share: float
    snr_db: tuple[float, float]
    label_share: float
    seed: int


def contaminate(
    signals: NDArray[np.int16],
    rows: NDArray[np.integer],
    targets: NDArray[np.bool_],
    contamination: Contamination,
) -> tuple[NDArray[np.int16], NDArray[np.bool_], pd.DataFrame]:
    """Contaminated copies of the records at `rows`, their targets, and what was done to each.

    Args:
        signals: (N, 1000, 12) int16 in stored units, possibly a memory map.
        rows: (n,) of the records.
        targets: (n, C) labels of the records at `rows`.
        contamination: how much of what.

    Returns:
        signals (n, 1000, 12); targets (n, C); a table with a line per record: row, noise (one of KINDS, or ""),
        snr_db (NaN without noise), flipped (whether the labels are another record's).

    Raises:
        InputError: a share is not from 0 to 1, the lowest ratio is above the highest, or all records that should get
            other labels have the same, or there are targets of other records.
    """
    if targets.shape[:1] != (len(rows),):
        raise InputError(f"There are targets {targets.shape} for {len(rows)} records; give a row for each.")
    # In ascending order of the rows, so that the order they come in changes nothing.
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    kinds, flipped = choose_contaminated(ascending, contamination)
    labels = flip_labels(targets[order], flipped, np.random.default_rng([contamination.seed, 1]))
    back = np.argsort(order, kind="stable")
    kinds, flipped, labels = kinds[back], flipped[back], labels[back]

    changed = np.ascontiguousarray(signals[rows])
    snr_db = np.full(len(rows), np.nan)
    for place in np.flatnonzero(kinds != ""):
        random = np.random.default_rng([contamination.seed, 2, int(rows[place])])
        snr_db[place] = random.uniform(*contamination.snr_db)
        changed[place] = add_noise(changed[place], str(kinds[place]), float(snr_db[place]), random)
    return changed, labels, pd.DataFrame({"row": rows, "noise": kinds, "snr_db": snr_db, "flipped": flipped})


def choose_contaminated(
    rows: NDArray[np.integer], contamination: Contamination
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Kind of noise per record, (n,) of KINDS or "", each kind as often, and which get other labels, (n,) bool.

    Both are drawn independently. They depend on how many records there are and on their order; `contaminate` sorts.

    Raises:
        InputError: a share is not from 0 to 1, or the lowest ratio is above the highest.
    """
    low, high = contamination.snr_db
    if not (0 <= contamination.record_share <= 1 and 0 <= contamination.label_share <= 1 and low <= high):
        raise InputError(f"{contamination} is not possible: shares are from 0 to 1, and snr_db ascends.")
    choose = np.random.default_rng([contamination.seed, 0])
    flipped = np.zeros(len(rows), dtype=bool)
    chosen = choose.permutation(len(rows))[: round(contamination.record_share * len(rows))]
    flipped[choose.permutation(len(rows))[: round(contamination.label_share * len(rows))]] = True
    kinds = np.full(len(rows), "", dtype=object)
    kinds[chosen] = [KINDS[place % len(KINDS)] for place in range(len(chosen))]  # each as often
    return kinds, flipped


def add_noise(
    signal: NDArray[np.int16], kind: str, snr_db: float, random: np.random.Generator
) -> NDArray[np.int16]:
    """A record (1000, 12) in stored units with noise of a kind added, at a ratio of signal to noise.

    The ratio is that of variances over all leads together; a record that is flat throughout gets none. Values are
    rounded to stored units, and clipped to what int16 holds.

    Raises:
        InputError: the kind is not in KINDS.
    """
    noise_mv = _electrode_noise(kind, random)
    power = np.square(signal - signal.mean(axis=0, dtype=np.float64)).mean()
    noise_power = np.square(noise_mv - noise_mv.mean(axis=0)).mean()
    scale = np.sqrt(power / noise_power / 10 ** (snr_db / 10))
    noisy = np.rint(signal + scale * noise_mv)
    stored: NDArray[np.int16] = np.clip(noisy, LIMIT.min, LIMIT.max).astype(np.int16)
    return stored


def flip_labels(
    targets: NDArray[np.bool_], flipped: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.bool_]:
    """Targets (n, C) in which each flipped record, a mask (n,), has the label set of a random other one that differs.

    So the label sets, and the errors, are as frequent as they are in the data: the wrong label of a rare class is rare.
    """
    changed = targets.copy()
    for place in np.flatnonzero(flipped):
        others = np.flatnonzero((targets != targets[place]).any(axis=1))
        if not len(others):
            raise InputError("All records have the same labels, so none can get another's.")
        changed[place] = targets[random.choice(others)]
    return changed


def _electrode_noise(kind: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise in all leads, (1000, 12), of one kind and no particular size."""
    one = np.ones(1)
    electrodes = np.zeros((1, len(ELECTRODES), RECORD_SAMPLES))
    if kind == "baseline_wander":
        electrodes += baseline_wander(one, random.uniform(0.15, 0.4, 1), random)
    elif kind == "muscle":
        electrodes += muscle_noise(one, random)
    elif kind == "electrode_pop":
        electrodes[0, random.integers(len(ELECTRODES))] += electrode_motion(one, random)[0]
    elif kind == "motion":
        for electrode in random.permutation(len(ELECTRODES))[:4]:
            electrodes[0, electrode] += electrode_motion(one, random)[0]
        electrodes += muscle_noise(MUSCLE_IN_MOTION * one, random)
    else:
        raise InputError(f"There is no noise '{kind}', only {', '.join(KINDS)}.")
    independent = np.swapaxes(TO_LEADS @ electrodes, 1, 2)
    leads: NDArray[np.float64] = twelve_leads(independent)[0]
    assert leads.shape == (RECORD_SAMPLES, len(LEADS))
    return leads * UNITS_PER_MV
