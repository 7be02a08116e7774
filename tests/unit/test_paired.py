"""Differences between two ways to train, on the same draws of patients."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap, bootstrap_intervals, patient_weights
from veribeat.metrics.classification import evaluate
from veribeat.metrics.paired import SeedScores, paired_difference, resampled_scores, seed_averages

RECORDS, SEEDS = 120, 2
DRAWS = Bootstrap(resamples=100, level=0.9, seed=4)
FEW = Bootstrap(resamples=20, level=0.9, seed=4)  # `evaluate` is slow
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
    one, other = _scores(0.4, 1, draws=FEW), _scores(0.38, 2, draws=FEW)
    table = paired_difference(one, other, 0.9).set_index(["block", "metric"])
    patients = np.random.default_rng(1).integers(0, 80, RECORDS)
    weights = patient_weights(patients, FEW.resamples, np.random.default_rng(FEW.seed))
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
            for arm in ((0.4, 1), (0.38, 2))
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
        for arm in ((0.4, 1), (0.38, 2))
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


@pytest.mark.parametrize("other", [Bootstrap(120, 0.9, 4), Bootstrap(100, 0.9, 5)])
def test_other_draws_are_not_paired(other: Bootstrap) -> None:
    with pytest.raises(InputError, match="different records or draws"):
        paired_difference(_scores(0.5, 1), _scores(0.5, 1, draws=other), 0.9)


def test_other_patients_and_records_are_not_paired() -> None:
    arm, patients = _arm(0.5, 1), np.arange(RECORDS)
    one = resampled_scores(*arm, _targets(), patients, FEW)
    for targets, others in ((_targets(), patients // 2), (~_targets(), patients)):
        with pytest.raises(InputError, match="different records or draws"):
            paired_difference(one, resampled_scores(*arm, targets, others, FEW), 0.9)
    renamed = resampled_scores(*arm, _targets(), [f"{name:03}" for name in patients], FEW)
    assert (paired_difference(one, renamed, 0.9)[["low", "high"]].fillna(0) == 0).all(axis=None)


def test_one_seed_has_the_intervals_of_the_bootstrap() -> None:
    """ECE included, whose percentiles alone lie above its estimate."""
    (probabilities,), (cut,) = _arm(0.5, 1, seeds=1)
    patients = np.random.default_rng(1).integers(0, 80, RECORDS)
    expected = bootstrap_intervals(probabilities, _targets(), patients, cut, DRAWS)
    table = seed_averages(_scores(0.5, 1, seeds=1), DRAWS.level).drop(columns="seed_sd")
    pd.testing.assert_frame_equal(table, expected)


def test_what_some_draws_lack_has_the_interval_of_the_others() -> None:
    targets = np.zeros((12, 5), dtype=bool)
    targets[0] = True
    probabilities = np.where(targets, 0.9, 0.1)
    one, other = (
        resampled_scores([p], [np.full(5, 0.5)], targets, np.arange(12), DRAWS)
        for p in (probabilities, 1 - probabilities)
    )
    assert 0 < np.isnan(one.resampled["ranking", "auroc_macro"]).sum() < DRAWS.resamples
    table = paired_difference(one, other, 0.9).set_index(["block", "metric"])
    assert table.loc[("ranking", "auroc_macro")].tolist() == [1, 1, 1, 1]
    none = np.zeros((12, 5), dtype=bool)
    nothing = resampled_scores([probabilities], [np.full(5, 0.5)], none, np.arange(12), DRAWS)
    table = paired_difference(nothing, nothing, 0.9).set_index(["block", "metric"])
    assert table.loc[("ranking", "auroc_macro")].isna().all()
