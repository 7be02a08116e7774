"""The floor of the DTW benchmark does the work that it claims: the distances of all pairs of samples."""

import numpy as np
import pytest

from benchmarks.dtw_floor import by_differences, by_products


@pytest.mark.parametrize("floor", [by_differences, by_products])
def test_the_floor_computes_every_distance(floor):
    random = np.random.default_rng(0)
    one = random.normal(size=(2, 8, 12)).astype(np.float32)
    many = random.normal(size=(32, 20, 12)).astype(np.float32)
    apart = one[:, None, :, None, :] - many[None, :, None, :, :]
    expected = np.sqrt(np.square(apart, dtype=np.float64).sum(axis=-1)).sum(axis=(2, 3))
    for threads in (1, 2):
        assert floor(one, many)(one, many, threads) == pytest.approx(expected, rel=1e-4)
