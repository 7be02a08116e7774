"""One record whose important features take other values: does the classifier still say the same?"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox

BATCH = 128
"""Perturbed records that are in memory together: 6 MB."""

Values = NDArray[np.float32]


class Trial:
    """A record (1000, 12) in mV with its features (times, leads), and the label set that has to stay.

    `values` (F,) are the record's own, in mV; `forwards` counts the records that the model has seen.
    """

    def __init__(
        self,
        signal_mv: Values,
        times: NDArray[np.integer],
        leads: NDArray[np.integer],
        model: BlackBox,
    ) -> None:
        self.values: Values = signal_mv[times, leads]
        self.forwards = 1
        self._labels = model.labels(signal_mv[np.newaxis])
        self._times, self._leads, self._model = times, leads, model
        self._records = np.repeat(signal_mv[np.newaxis], BATCH, axis=0)

    def keeps(self, values: Values) -> NDArray[np.bool_]:
        """Whether the *whole* label set stays ([CF] 4.6.1) with each row of `values` (n <= BATCH, F) in mV: (n,)."""
        records = self._records[: len(values)]
        records[:, self._times, self._leads] = values
        self.forwards += len(values)
        return np.asarray((self._model.labels(records) == self._labels).all(axis=1))


def uniform_batches(samples: int, features: int, seed: Sequence[int]) -> Iterator[Values]:
    """Draw (samples, features) values of [-1, 1), in batches of at most BATCH rows."""
    generator = np.random.default_rng(seed)
    for size in _sizes(samples):
        yield 2 * generator.random((size, features), dtype=np.float32) - 1


def gaussian_batches(samples: int, features: int, seed: Sequence[int]) -> Iterator[Values]:
    """Draw (samples, features) standard normal values, in batches of at most BATCH rows."""
    generator = np.random.default_rng(seed)
    for size in _sizes(samples):
        yield generator.standard_normal((size, features), dtype=np.float32)


def _sizes(samples: int) -> list[int]:
    return [min(BATCH, samples - start) for start in range(0, samples, BATCH)]
