"""A recording between its samples."""

import numpy as np

from veribeat.signal.interpolation import at_times

SIGNAL = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def test_it_is_that_of_numpy_for_every_lead() -> None:
    times = np.random.default_rng(2).uniform(-3, 23, size=(4, 7))
    found = at_times(SIGNAL, times)
    assert found.shape == (4, 7, 3)
    for lead in range(3):
        np.testing.assert_allclose(
            found[..., lead], np.interp(times, np.arange(20), SIGNAL[:, lead]), rtol=1e-6
        )


def test_samples_are_themselves_and_the_ends_go_on() -> None:
    np.testing.assert_array_equal(at_times(SIGNAL, np.arange(20)), SIGNAL)
    np.testing.assert_array_equal(at_times(SIGNAL, np.array([-1, 25])), SIGNAL[[0, -1]])
