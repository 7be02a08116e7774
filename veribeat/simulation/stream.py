"""A cohort as it would have come in: what is there at first, which batch a record is in, and what goes wrong there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.simulation.faults import SIGNAL_FAULTS, Fault

Order = Literal["device", "date"]

INITIAL: Final = 0
"""The batch of what is there at first."""

NEW_DEVICE: Final = "NEW-1"
"""What the records of a new device say."""

WITHHELD: Final = SUPERCLASSES[0]
"""The superclass of a label shift: the healthy stay away, as where only the ill are sent to."""

DATE: Final = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")


@dataclass(frozen=True)
class StreamPlan:
    """How a cohort comes in: the training folds, the share of their records that is there at first, the number of
    batches that the others come in, in which order, and a seed."""

    folds: tuple[int, ...]
    initial: float
    batches: int
    order: Order
    seed: int


@dataclass(frozen=True)
class PlannedFault:
    """A fault, the batch that has it, counted from 1, and the share of its records."""

    batch: int
    fault: Fault
    share: float


def parse_faults(texts: Sequence[str], batches: int) -> list[PlannedFault]:
    """Faults from texts such as "3:mains_hum:0.1".

    Raises:
        InputError: a text that is none, a batch that there is not, a fault twice in a batch, or signal faults for more
            records than a batch has.
    """
    faults = [_parse_fault(text, batches) for text in texts]
    for planned in faults:
        alike = [other for other in faults if (other.batch, other.fault) == (planned.batch, planned.fault)]
        if len(alike) > 1:
            raise InputError(f"--fault gives batch {planned.batch} {planned.fault} twice; give it once.")
        shares = [
            other.share for other in faults if other.batch == planned.batch and other.fault in SIGNAL_FAULTS
        ]
        if sum(shares) > 1 + 1e-9:
            raise InputError(
                f"--fault gives batch {planned.batch} signal faults for {sum(shares):.0%} of its records, but each has "
                "one at most; lower the shares."
            )
    return faults


def _parse_fault(text: str, batches: int) -> PlannedFault:
    parts = text.split(":")
    kinds = [str(kind) for kind in Fault]
    try:
        batch, kind, share = int(parts[0]), Fault(parts[1]), float(parts[2])
        possible = len(parts) == 3 and 1 <= batch <= batches and 0 < share <= 1
    except (ValueError, IndexError):
        possible = False
    if not possible:
        raise InputError(
            f"--fault {text!r} is not BATCH:KIND:SHARE with a batch from 1 to {batches}, a kind of {', '.join(kinds)}, "
            "and a share above 0 and up to 1."
        )
    return PlannedFault(batch, kind, share)


def assign_batches(records: pd.DataFrame, plan: StreamPlan) -> NDArray[np.int64]:
    """The batch of each record, (N,), INITIAL for what is there at first.

    `records` has ecg_id, fold, device and recording_date, and a row per record. All records of the other folds are
    there at first. Of the training folds', by device: each device's records are shuffled and spread evenly, so that
    what is there at first and every batch have the same devices; by date: the oldest are there at first, and batches
    follow in time. Batches differ by one record at most. The order of the rows changes nothing.

    Raises:
        InputError: a share that is none, fewer records than batches, or a date that cannot be read.
    """
    if not 0 < plan.initial < 1:
        raise InputError(f"--initial is {plan.initial:g}; give a share between 0 and 1.")
    training = records[records["fold"].isin(plan.folds)]
    if plan.order == "date":
        ordered = _by_date(training)
        first = round(plan.initial * len(ordered))
        at_first, later = ordered[:first], ordered[first:]
    else:
        at_first, later = _by_device(training, plan)
    if len(later) < plan.batches or not len(at_first):
        folds = ", ".join(map(str, plan.folds))
        raise InputError(
            f"Folds {folds} have {len(training)} usable records, too few for {plan.initial:.0%} at first and "
            f"{plan.batches} batches; choose more folds or fewer batches."
        )
    place = np.arange(len(later))
    number = place * plan.batches // len(later) if plan.order == "date" else place % plan.batches
    by_id = dict(zip(later.tolist(), (number + 1).tolist(), strict=True))
    return np.array([by_id.get(int(ecg_id), INITIAL) for ecg_id in records["ecg_id"]], dtype=np.int64)


def _by_date(training: pd.DataFrame) -> NDArray[np.int64]:
    for ecg_id, date in zip(training["ecg_id"], training["recording_date"], strict=True):
        if not DATE.fullmatch(date):
            raise InputError(
                f"ecg_id {ecg_id} has the recording_date {date!r}, no date as in 1984-11-09 09:17:34; correct it or "
                "use --order device."
            )
    ordered: NDArray[np.int64] = training.sort_values(["recording_date", "ecg_id"])["ecg_id"].to_numpy()
    return ordered


def _by_device(training: pd.DataFrame, plan: StreamPlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng([plan.seed, 0])
    shuffled = [
        random.permutation(np.sort(ids.to_numpy()))
        for _, ids in training.groupby("device", sort=True)["ecg_id"]
    ]
    ids: NDArray[np.int64] = np.concatenate(shuffled) if shuffled else np.empty(0, dtype=np.int64)
    # Where the multiples of 1 / share fall: evenly over the devices, which come one after the other.
    total = np.floor(np.arange(len(ids) + 1) * plan.initial + 0.5)
    first = np.diff(total) > 0
    return ids[first], ids[~first]


def withheld(shown: NDArray[np.bool_], share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """Which records (n,) of a batch stay away, when a share of those that are `shown` (n,) to be of a class does."""
    candidates = np.flatnonzero(shown)
    away = np.zeros(len(shown), dtype=bool)
    away[random.permutation(candidates)[: round(share * len(candidates))]] = True
    return away


def choose_faulty(
    usable: NDArray[np.bool_], faults: Sequence[PlannedFault], random: np.random.Generator
) -> NDArray[np.object_]:
    """The signal fault of each record (n,) of a batch, None for most; only `usable` (n,) ones get any.

    The shares are of all n records.

    Raises:
        InputError: too few usable records.
    """
    chosen = np.full(len(usable), None, dtype=object)
    left, taken = random.permutation(np.flatnonzero(usable)), 0
    for planned in sorted(faults, key=lambda each: SIGNAL_FAULTS.index(each.fault)):
        # Rounding up several shares may ask for one record too many.
        wanted = min(round(planned.share * len(usable)), len(usable) - taken)
        if wanted > len(left):
            raise InputError(
                f"Batch {planned.batch} has {len(left)} readable records left for {planned.fault}, but {wanted} are "
                "asked for; lower its share."
            )
        chosen[left[:wanted]] = planned.fault
        left, taken = left[wanted:], taken + wanted
    return chosen
