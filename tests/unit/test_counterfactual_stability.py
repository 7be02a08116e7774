"""Disturbances of a counterfactual, and what is measured with them."""

import numpy as np
import pytest

from veribeat.counterfactual.stability import draw_noise, share_kept, shifted, temporal_stability, with_noise
from veribeat.dtw.distances import dtw_distances

SIGMA_MV = 0.25


def walk(samples: int = 60) -> np.ndarray:
    return np.random.default_rng(4).normal(0, 0.1, (samples, 12)).cumsum(axis=0).astype(np.float32)


def test_noise_is_normal_and_depends_on_the_seed_alone() -> None:
    noise = draw_noise(3, 10, (1000, 12), (1, 4321))
    assert (noise.shape, noise.dtype) == ((3, 10, 1000, 12), np.float32)
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert (noise == draw_noise(3, 10, (1000, 12), (1, 4321))).all()
    assert (noise != draw_noise(3, 10, (1000, 12), (1, 4322))).mean() > 0.99
    assert len({draw.tobytes() for level in noise for draw in level}) == 30


def test_noise_is_scaled_to_the_signal_and_levels_come_one_after_the_other() -> None:
    signal = walk(1000)
    noisy = with_noise(signal, (0.01, 0.05), draw_noise(2, 3, signal.shape, (1,)))
    assert (noisy.shape, noisy.dtype) == ((6, 1000, 12), np.float32)
    spread = (noisy - signal).std(axis=(1, 2)) / signal.std()
    assert spread == pytest.approx([0.01] * 3 + [0.05] * 3, rel=0.02)


def test_shifts_repeat_the_edge() -> None:
    signal = np.arange(5, dtype=np.float32)[:, None] * [1, 10]
    assert shifted(signal, (-2, 1))[:, :, 0].tolist() == [[2, 3, 4, 4, 4], [0, 0, 1, 2, 3]]
    assert (shifted(signal, (0,))[0] == signal).all()


def test_only_whole_label_sets_count_as_kept() -> None:
    labels = np.array([True, False, True])
    disturbed = np.array([[True, False, True], [True, False, False], [True, True, True], [True, False, True]])
    assert share_kept(labels, disturbed) == 0.5


def test_temporal_stability_is_the_formula() -> None:
    signal = walk()
    shifts = (-2, -1, 1, 2)
    mean_dtw_mv = np.mean(dtw_distances(signal, shifted(signal, shifts)))
    expected = 1 / (1 + mean_dtw_mv / SIGMA_MV / np.sqrt(60 * 12))
    assert expected < 0.999
    assert temporal_stability(signal, shifts, SIGMA_MV) == pytest.approx(expected, rel=1e-12)


def test_what_is_flat_at_its_ends_is_perfectly_stable() -> None:
    # why the formula alone rewards padding
    signal = walk()
    signal[:3], signal[-3:] = 0, 0
    assert temporal_stability(signal, (-2, -1, 1, 2), SIGMA_MV) == 1.0
