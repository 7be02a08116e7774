"""Differences between two ways to train, on the same draws of patients."""

import numpy as np
import pytest
from numpy.typing import NDArray

from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap, patient_weights
from veribeat.metrics.classification import evaluate
from veribeat.metrics.paired import SeedScores, paired_difference, resampled_scores, seed_averages

RECORDS, SEEDS = 120, 2
DRAWS = Bootstrap(resamples=100, level=0.9, seed=4)
F1 = ("calibrated", "f1_macro")


def _targets() -> NDArray[np.bool_]:
    return np.random.default_rng(0).random((RECORDS, 5)) < 0.4


def _scores(skill: float, seed: int, seeds: int = SEEDS, draws: Bootstrap = DRAWS) -> SeedScores:
    probabilities, thresholds = _arm(skill, seed, seeds)
    patients = np.random.default_rng(1).integers(0, 80, RECORDS)
    return resampled_scores(probabilities, thresholds, _targets(), patients, draws)


def _arm(skill: float, seed: int, seeds: int = SEEDS) -> tuple[list[NDArray], list[NDArray]]:
    random = np.random.default_rng(seed)
    noise = random.random((seeds, RECORDS, 5))
    return list(skill * _targets() + (1 - skill) * noise), list(random.uniform(0.3, 0.6, (seeds, 5)))


def test_it_is_what_resampling_the_records_gives() -> None:
    one, other = _scores(0.5, 1), _scores(0.3, 2)
    table = paired_difference(one, other, 0.9).set_index(["block", "metric"])
    patients = np.random.default_rng(1).integers(0, 80, RECORDS)
    weights = patient_weights(patients, 100, np.random.default_rng(4))
    naive = []
    for column in weights.T:
        drawn = np.repeat(np.arange(RECORDS), column)
        means = [
            np.mean(
                [
                    evaluate(p[drawn], _targets()[drawn], cut)["calibrated"]["f1_macro"]
                    for p, cut in zip(*_arm(*arm), strict=True)
                ]
            )
            for arm in ((0.5, 1), (0.3, 2))
        ]
        naive.append(means[0] - means[1])
    row = table.loc[F1]
    assert row["low"] == pytest.approx(np.quantile(naive, 0.05), abs=1e-12)
    assert row["high"] == pytest.approx(np.quantile(naive, 0.95), abs=1e-12)
    assert row["share_above_zero"] == np.mean(np.array(naive) > 0)
    expected = [
        np.mean(
            [
                evaluate(p, _targets(), cut)["calibrated"]["f1_macro"]
                for p, cut in zip(*_arm(*arm), strict=True)
            ]
        )
        for arm in ((0.5, 1), (0.3, 2))
    ]
    assert row["estimate"] == pytest.approx(expected[0] - expected[1], abs=1e-12)


def test_an_arm_does_not_differ_from_itself() -> None:
    table = paired_difference(_scores(0.5, 1), _scores(0.5, 1), 0.95)
    assert (table[["estimate", "low", "high", "share_above_zero"]] == 0).all(axis=None)


def test_the_difference_is_antisymmetric() -> None:
    one, other = _scores(0.5, 1), _scores(0.45, 2)
    there, back = (paired_difference(*pair, 0.9) for pair in ((one, other), (other, one)))
    np.testing.assert_allclose(there["estimate"], -back["estimate"])
    np.testing.assert_allclose(there["low"], -back["high"])


def test_pairing_is_narrower_than_either_arm() -> None:
    """What patients both arms find hard cancels out."""
    one = _scores(0.5, 1)
    table = seed_averages(one, 0.9).set_index(["block", "metric"]).loc[F1]
    difference = paired_difference(one, _scores(0.48, 1), 0.9).set_index(["block", "metric"]).loc[F1]
    assert difference["high"] - difference["low"] < table["high"] - table["low"]


def test_averages_name_the_spread_of_seeds() -> None:
    one = _scores(0.5, 1, seeds=3)
    row = seed_averages(one, 0.9).set_index(["block", "metric"]).loc[F1]
    assert row["estimate"] == pytest.approx(one.estimates[F1].mean())
    assert row["seed_sd"] == pytest.approx(np.std(one.estimates[F1], ddof=1))
    assert row["low"] < row["estimate"] < row["high"]
    alone = seed_averages(_scores(0.5, 1, seeds=1), 0.9)
    assert alone["seed_sd"].isna().all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="of 0 seeds"):
        resampled_scores([], [], _targets(), np.arange(RECORDS), DRAWS)
    other = _scores(0.5, 1, draws=Bootstrap(120, 0.9, 4))
    with pytest.raises(InputError, match="different numbers of draws"):
        paired_difference(_scores(0.5, 1), other, 0.9)
