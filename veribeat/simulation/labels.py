"""Which superclasses each simulated record has, and which it is said to have."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.simulation.statements import VARIANTS

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COMBINATIONS: dict[tuple[str, ...], int] = {
    ("NORM",): 4166,
    ("MI",): 1159,
    ("STTC",): 1095,
    ("CD",): 784,
    ("MI", "CD"): 596,
    ("STTC", "HYP"): 354,
    ("MI", "STTC"): 281,
    ("HYP",): 244,
    ("STTC", "CD"): 214,
    (): 192,
    ("NORM", "CD"): 186,
    ("MI", "STTC", "HYP"): 164,
    ("CD", "HYP"): 139,
    ("MI", "STTC", "CD"): 103,
    ("STTC", "CD", "HYP"): 96,
    ("MI", "HYP"): 85,
    ("MI", "STTC", "CD", "HYP"): 71,
    ("MI", "CD", "HYP"): 55,
    ("NORM", "STTC"): 13,
}
"""Records per 10,000 with exactly these superclasses.

Counted in PTB-XL v1.0.3 (20,698 records: folds 1-7, 9, 10 and a part of 8; diagnostic statements at any
likelihood); four combinations with fewer than 6 records each are left out.
"""

NO_SUPERCLASS = "none"


def combination_names() -> tuple[str, ...]:
    """Return the names of `COMBINATIONS` in order, such as "MI+CD"; "none" for no superclass."""
    return tuple("+".join(combination) or NO_SUPERCLASS for combination in COMBINATIONS)


def combination_targets() -> BoolArray:
    """Return (combinations, 5) bool: the superclasses of each row of `COMBINATIONS`."""
    return np.array([[name in combination for name in SUPERCLASSES] for combination in COMBINATIONS])


def targets_of(names: Iterable[str]) -> BoolArray:
    """Return (N, 5) bool from names such as "MI+CD"."""
    return np.array([[name in combination.split("+") for name in SUPERCLASSES] for combination in names])


def quotas(weights: Sequence[float] | FloatArray | IntArray, total: int) -> IntArray:
    """Split `total` in proportion to `weights` by largest remainders (ties go to the first); sums to `total`."""
    share = np.asarray(weights, dtype=np.float64)
    exact = share / share.sum() * total
    counts: IntArray = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def true_combinations(patient: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw the true combination (index into `COMBINATIONS`) of each record.

    `patient` (N,) holds each record's patient. The counts follow the table exactly (largest remainders);
    the records of one patient share a combination while its quota lasts, because disease persists.
    """
    left = quotas(list(COMBINATIONS.values()), len(patient))
    combination = np.full(len(patient), -1, dtype=np.int64)
    patients, counts = np.unique(patient, return_counts=True)
    for repeated in patients[counts > 1]:
        rows = np.flatnonzero(patient == repeated)
        while rows.size:
            chosen = int(rng.choice(left.size, p=left / left.sum()))
            taken = min(rows.size, int(left[chosen]))
            combination[rows[:taken]] = chosen
            left[chosen] -= taken
            rows = rows[taken:]
    rest = np.repeat(np.arange(left.size), left)
    combination[combination < 0] = rng.permutation(rest)
    return combination


def given_combinations(true: IntArray, wrong_share: float, rng: np.random.Generator) -> IntArray:
    """Return the labels as given: round(wrong_share * N) records get another combination from the table."""
    given = true.copy()
    weights = np.array(list(COMBINATIONS.values()), dtype=np.float64)
    for row in rng.choice(true.size, size=round(wrong_share * true.size), replace=False):
        others = weights.copy()
        others[true[row]] = 0.0
        given[row] = rng.choice(weights.size, p=others / others.sum())
    return given


def draw_variants(targets: BoolArray, rng: np.random.Generator) -> dict[str, NDArray[np.str_]]:
    """Draw one statement per record and pathological superclass; "" where the record lacks the class.

    `targets` is (N, 5). A record that is also NORM shows only what PTB-XL calls normal with: an incomplete
    right bundle branch block, a first-degree AV block, or a non-diagnostic T change.
    """
    normal = targets[:, SUPERCLASSES.index("NORM")]
    mild = {"CD": ["IRBBB", "1AVB"], "STTC": ["NDT"]}
    drawn: dict[str, NDArray[np.str_]] = {}
    for superclass, shares in VARIANTS.items():
        present = targets[:, SUPERCLASSES.index(superclass)]
        weights = np.array(list(shares.values()))
        statement = rng.choice(list(shares), size=len(targets), p=weights / weights.sum())
        gentle = rng.choice(mild.get(superclass, list(shares)), size=len(targets))
        drawn[superclass] = np.where(present, np.where(normal, gentle, statement), "")
    return drawn
