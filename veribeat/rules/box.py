"""A large box around a record in which its prediction was not seen to change."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.rules.trial import Trial, uniform_batches


def box_scale(
    trial: Trial, sigma_mv: NDArray[np.float32], samples: int, bisections: int, seed: Sequence[int]
) -> float:
    """Return the scale s of the box values +- s * `sigma_mv` (F,), a multiple of 2^-bisections; 0 where none holds.

    One scale for all features, the largest that bisection of (0, 1] finds such that every sample of draw 0 keeps the
    label set. That draw chose the scale, so it proves little: draw 1, independent of it, has to hold as well, and
    until it does the scale loses a step. Draw 0 is not asked again at the lower scale, where a sample of it may
    change the label set although none did at the higher one.
    """
    steps = 1 << bisections

    def test_of(draw: int) -> Callable[[int], bool]:
        batches = list(uniform_batches(samples, len(sigma_mv), [*seed, draw]))

        def holds(step: int) -> bool:
            reach = np.float32(step / steps) * sigma_mv
            for index, batch in enumerate(batches):
                if not trial.keeps(trial.values + reach * batch).all():
                    # First next time: a batch that fails at one scale is the likeliest to fail at another.
                    batches.insert(0, batches.pop(index))
                    return False
            return True

        return holds

    held = _bisect(steps, test_of(draw=0))
    if held:
        confirmed = test_of(draw=1)
        while held and not confirmed(held):
            held -= 1
    return held / steps


def _bisect(steps: int, holds: Callable[[int], bool]) -> int:
    """The largest of 1..`steps` (a power of 2) that is found to hold, `steps` tried first; 0 where none does."""
    if holds(steps):
        return steps
    held, failed = 0, steps
    while failed - held > 1:
        middle = (held + failed) // 2
        if holds(middle):
            held = middle
        else:
            failed = middle
    return held
