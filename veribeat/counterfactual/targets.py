"""What a counterfactual is to be classified as: label sets (5,), in the order of SUPERCLASSES."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.error_patterns import NO_LABEL

Labels = NDArray[np.bool_]


def label_set(names: Iterable[str]) -> Labels:
    """The label set (5,) of the superclasses `names`.

    Raises:
        InputError: a name is no superclass.
    """
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in SUPERCLASSES]
    if unknown:
        raise InputError(f"'{unknown[0]}' is no superclass; choose from {', '.join(SUPERCLASSES)}.")
    return np.array([name in wanted for name in SUPERCLASSES])


def names_of(labels: Labels) -> tuple[str, ...]:
    """The superclasses in a label set (5,), in the order of SUPERCLASSES."""
    return tuple(name for name, present in zip(SUPERCLASSES, labels, strict=True) if present)


def initial_name(labels: Iterable[str]) -> str:
    """How [CF] writes a label set: "CD+MI", in alphabetical order; "none" for no label."""
    return "+".join(sorted(labels)) or NO_LABEL


def default_target(labels: Labels, probabilities: NDArray[np.floating]) -> str:
    """The superclass to explain when none is asked for ([CF] 3.3.3): from pathological to normal.

    NORM where a pathological superclass is predicted, and otherwise the most probable one that is not: a recording
    that is NORM alone, or without a label, has no diagnosis to take away.

    Args:
        labels: (5,) predicted.
        probabilities: (5,).
    """
    if set(names_of(labels)) - {"NORM"}:
        return "NORM"
    return SUPERCLASSES[int(np.argmax(np.where(labels, -np.inf, probabilities)))]


def single_targets(labels: Labels, superclasses: Iterable[str] = SUPERCLASSES) -> tuple[Labels, ...]:
    """Every target (5,) of one superclass among `superclasses` that differs from the predicted `labels` (5,)."""
    targets = [label_set([name]) for name in SUPERCLASSES if name in set(superclasses)]
    return tuple(target for target in targets if not np.array_equal(target, labels))
