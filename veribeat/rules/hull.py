"""The literal reading of [CF] 3.1.1: the range of those perturbed samples that keep the prediction."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.rules.trial import Trial, gaussian_batches, uniform_batches


def hull_bounds(
    trial: Trial, sigma_mv: NDArray[np.float32], perturbation: str, samples: int, seed: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the lowest and the highest value in mV of each feature (F,) over the survivors of draw 0, or None.

    Each of the `samples` adds noise to all features at once: "uniform" within +-`sigma_mv` (F,) ([CF] eq. 4), or
    "gaussian" with that standard deviation ([CF] 4.6.1). The record's own values count as a survivor. Survivors say
    nothing of the corners between them: within the hull the prediction may well change.
    """
    noise = uniform_batches if perturbation == "uniform" else gaussian_batches
    lowest, highest = trial.values.copy(), trial.values.copy()
    survived = False
    for batch in noise(samples, len(sigma_mv), [*seed, 0]):
        values = trial.values + sigma_mv * batch
        survivors = values[trial.keeps(values)]
        survived |= len(survivors) > 0
        lowest = np.minimum(lowest, survivors.min(axis=0, initial=np.inf))
        highest = np.maximum(highest, survivors.max(axis=0, initial=-np.inf))
    return (lowest, highest) if survived else None
