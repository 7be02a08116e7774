"""Checks that need the whole cohort: duplicates and patients in more than one fold."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def repeated(keys: Iterable[Key]) -> dict[Key, int]:
    """Keys that occur more than once, with how often."""
    return {key: count for key, count in Counter(keys).items() if count > 1}


def patients_in_several_folds(patients_and_folds: Iterable[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    """patient_id -> sorted folds, for the patients whose records lie in more than one fold.

    Such a patient would be seen both in training and in evaluation.
    """
    folds: defaultdict[int, set[int]] = defaultdict(set)
    for patient_id, fold in patients_and_folds:
        folds[patient_id].add(fold)
    return {patient_id: tuple(sorted(found)) for patient_id, found in folds.items() if len(found) > 1}
