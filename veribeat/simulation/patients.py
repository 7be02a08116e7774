"""Simulated patients: who has how many records, in which fold, of which age and sex."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from veribeat.simulation.labels import BoolArray, FloatArray, IntArray

RECORDS_PER_PATIENT = {1: 15915, 2: 1515, 3: 330, 4: 91, 5: 41, 6: 15, 7: 5, 8: 4, 9: 3, 10: 1}
"""Patients with so many records among 20,698 records of PTB-XL v1.0.3."""

FOLDS = 10
FOLD_PRIORITY = (9, 1, 10, 8, 2, 3, 4, 5, 6, 7)
"""Where a class with too few records for every fold goes first: validation, training, pool, query."""
COVERED_FIRST = FOLD_PRIORITY[:2]

DEVICES = (
    ("CS-12   E", 1984, 1990, 0.5),
    ("AT-6     6", 1986, 1992, 0.3),
    ("CS-12", 1988, 1995, 0.6),
    ("AT-6 C 5.5", 1991, 1998, 0.6),
    ("CS100    3", 1994, 2001, 1.0),
    ("AT-60    3", 1996, 2001, 0.25),
)
"""(device as PTB-XL writes it, first year, last year, relative frequency), rounded from PTB-XL."""

FIRST_DAY, LAST_DAY = np.datetime64("1984-11-09"), np.datetime64("2001-06-11")


def draw_patients(records: int, rng: np.random.Generator) -> IntArray:
    """Return (N,) the patient (0-based) of each record, with PTB-XL's share of patients of several records."""
    per_patient: list[int] = []
    for count, patients in RECORDS_PER_PATIENT.items():
        if count > 1:
            per_patient += [count] * round(records * patients / 20698)
    if not any(count > 1 for count in per_patient):
        per_patient.append(2)  # the rule "one patient, one fold" needs at least one case
    per_patient += [1] * (records - sum(per_patient))
    return rng.permutation(np.repeat(np.arange(len(per_patient)), per_patient))


def assign_folds(patient: IntArray, targets: BoolArray) -> IntArray:
    """Return (N,) folds 1..10, stratified by superclass with every patient within one fold.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011) over patients: the rarest class first, each
    patient to the fold that still lacks most of that class. Before it, the folds COVERED_FIRST get every class
    once where there are records for it, so that a tiny cohort can still be trained and validated. `targets` is
    (N, 5), as given.
    """
    patients = int(patient.max()) + 1
    content = np.zeros((patients, targets.shape[1] + 1))  # records per class, and in all
    np.add.at(content, patient, np.column_stack([targets, np.ones(len(targets), dtype=bool)]))
    wanted = np.repeat(content.sum(0, keepdims=True) / FOLDS, FOLDS, axis=0)
    priority = np.array([FOLD_PRIORITY.index(fold) for fold in range(1, FOLDS + 1)])
    fold = np.full(patients, -1, dtype=np.int64)
    for first in COVERED_FIRST:
        _cover(first - 1, fold, content, wanted)
    while (fold < 0).any():
        remaining = np.where(content[fold < 0].sum(0) > 0, content[fold < 0].sum(0), np.inf)
        rarest = int(np.argmin(remaining))
        members = np.flatnonzero((fold < 0) & (content[:, rarest] > 0))
        for member in members[np.argsort(-content[members, -1], kind="stable")]:
            lack = np.round(wanted, 9)
            best = int(np.lexsort((priority, -lack[:, -1], -lack[:, rarest]))[0])
            fold[member] = best
            wanted[best] -= content[member]
    _fill_empty_folds(fold, content)
    return fold[patient] + 1


def _cover(target: int, fold: IntArray, content: FloatArray, wanted: FloatArray) -> None:
    """Give the fold `target` (0-based) a record of every class that unassigned patients still have."""
    missing = content[:, :-1].sum(axis=0) > 0
    while missing.any():
        gain = (content[:, :-1] > 0)[:, missing].sum(axis=1) / content[:, -1]
        gain[fold >= 0] = 0
        best = int(np.argmax(gain))
        if gain[best] == 0:
            return
        fold[best] = target
        wanted[target] -= content[best]
        missing &= content[best, :-1] == 0


def _fill_empty_folds(fold: IntArray, content: FloatArray) -> None:
    for empty in range(FOLDS):
        if not (fold == empty).any():
            sizes = np.bincount(fold, weights=content[:, -1], minlength=FOLDS)
            sizes[[first - 1 for first in COVERED_FIRST]] = 0
            members = np.flatnonzero(fold == int(np.argmax(sizes)))
            # the patient with the fewest superclasses costs the other fold least
            fold[members[np.argmin(content[members, :-1].sum(1))]] = empty


@dataclass(frozen=True)
class Demography:
    """Per record: age (years, 300 where PTB-XL hides an age above 89), true age, sex (0 male, 1 female), date."""

    age: FloatArray
    true_age: FloatArray
    sex: IntArray
    date: pd.DatetimeIndex
    height: FloatArray
    weight: FloatArray
    device: list[str]
    site: IntArray
    nurse: IntArray


def draw_demography(patient: IntArray, healthy: BoolArray, rng: np.random.Generator) -> Demography:
    """Draw age, sex, body and circumstances; `healthy` (N,) marks the records that are truly NORM.

    A patient keeps sex, birth date, height and weight over records.
    """
    patients = int(patient.max()) + 1
    sick = np.ones(patients, dtype=bool)
    sick[patient[healthy]] = False
    age_at_start = np.where(sick, rng.normal(64, 13, patients), rng.normal(51, 17, patients))
    female = rng.random(patients) < np.where(sick, 0.44, 0.54)
    days = rng.integers(0, int((LAST_DAY - FIRST_DAY).astype(int)), len(patient))
    first = np.full(patients, days.max())
    np.minimum.at(first, patient, days)
    age = np.clip(age_at_start[patient] + (days - first[patient]) / 365.25, 17, 95)
    seconds = rng.integers(7 * 3600, 18 * 3600, len(patient))
    date = pd.DatetimeIndex(FIRST_DAY + days.astype("timedelta64[D]")) + pd.to_timedelta(seconds, unit="s")
    height = np.where(female, rng.normal(162, 6.5, patients), rng.normal(174, 7, patients))
    weight = np.clip(rng.normal(25.5, 3.8, patients), 17, 42) * (height / 100) ** 2
    unknown_body = rng.random(patients) < 0.6
    return Demography(
        age=np.where(age > 89, 300.0, np.floor(age)),
        true_age=age,
        sex=female[patient].astype(np.int64),
        date=date,
        height=np.where(unknown_body, np.nan, np.round(height))[patient],
        weight=np.where(unknown_body, np.nan, np.round(weight))[patient],
        device=_devices(np.asarray(date.year), rng),
        site=rng.choice(4, size=len(patient), p=[0.42, 0.30, 0.25, 0.03]),
        nurse=rng.choice(11, size=len(patient), p=[0.40, 0.28] + [0.32 / 9] * 9),
    )


def _devices(year: IntArray, rng: np.random.Generator) -> list[str]:
    usable = np.array([(year >= first) & (year <= last) for _, first, last, _ in DEVICES])
    weight = usable * np.array([share for *_, share in DEVICES])[:, None]
    reach = np.cumsum(weight, axis=0) / weight.sum(axis=0)
    pick = (rng.random(year.size) > reach).sum(axis=0)
    return [DEVICES[index][0] for index in pick]
