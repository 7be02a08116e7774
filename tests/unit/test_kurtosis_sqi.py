"""The kurtosis of signals as an index of their quality."""

import numpy as np
import pytest
from recordings import BEAT_S, WAVES
from scipy.stats import kurtosis

from veribeat.errors import InputError
from veribeat.signal.kurtosis_sqi import kurtosis_sqi


def test_it_is_the_mean_of_the_leads_kurtosis() -> None:
    signals = np.random.default_rng(0).gamma(2.0, size=(3, 200, 4))
    np.testing.assert_allclose(kurtosis_sqi(signals), kurtosis(signals, axis=1, fisher=False).mean(axis=1))


def test_a_constant_lead_counts_as_nothing() -> None:
    signals = np.random.default_rng(0).normal(size=(1, 500, 2))
    alone = kurtosis_sqi(signals[..., :1])
    signals[..., 1] = 0.1  # of which 500 do not have the mean 0.1
    np.testing.assert_allclose(kurtosis_sqi(signals), alone / 2)
    assert kurtosis_sqi(np.zeros((2, 10, 12))).tolist() == [0, 0]


def test_clean_beats_score_above_noise() -> None:
    since = np.arange(1000)[:, None] / 100 - BEAT_S * np.arange(14)
    beats = sum(height * np.exp(-(((since - at) / width) ** 2) / 2) for at, width, height in WAVES).sum(
        axis=1
    )
    noise = np.random.default_rng(1).normal(0, 0.5, 1000)
    clean, noisy = kurtosis_sqi(np.stack((beats, beats + noise))[..., None])
    assert clean > 5 > noisy


def test_unit_and_offset_do_not_count() -> None:
    signals = np.random.default_rng(2).gamma(2.0, size=(2, 300, 3))
    np.testing.assert_allclose(kurtosis_sqi(1000 * signals + 7), kurtosis_sqi(signals))


def test_another_shape_is_refused() -> None:
    for wrong in (np.zeros((1000, 12)), np.zeros((1, 0, 12))):
        with pytest.raises(InputError, match="is expected"):
            kurtosis_sqi(wrong)
