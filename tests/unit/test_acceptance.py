"""Limits of acceptance: what is compared, and what is kept."""

import numpy as np
import pandas as pd
import pytest

from veribeat.errors import InputError
from veribeat.metrics.acceptance import Compared, Judged, acceptance_table, at_least, at_most, no_worse
from veribeat.metrics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(resamples=200, level=0.9, seed=1)
RECORDS = 300


@pytest.fixture(scope="module")
def targets() -> np.ndarray:
    return np.random.default_rng(0).random((RECORDS, 5)) < 0.4


def judged(targets: np.ndarray, skill: float) -> Judged:
    """Probabilities that are right the more often, the higher `skill` is."""
    noise = np.random.default_rng(1).random(targets.shape)
    return Judged(np.clip(skill * targets + (1 - skill) * noise, 0, 1), np.full(5, 0.5))


def table(targets: np.ndarray, challenger: float, champion: float | None) -> pd.DataFrame:
    other = None if champion is None else judged(targets, champion)
    patients = np.arange(RECORDS) // 2
    compared = Compared.on(judged(targets, challenger), other, targets, patients, BOOTSTRAP)
    return compared.table(BOOTSTRAP.level)


def test_a_model_is_no_worse_than_itself(targets: np.ndarray) -> None:
    scores = table(targets, 0.3, 0.3)
    assert (scores[["difference", "low", "high"]] == 0).all().all()
    assert no_worse("f1_macro_loss", "all", scores, "f1_macro", 0.0).kept


def test_differences_are_of_the_challenger_and_limits_are_held_against_their_lower_end(
    targets: np.ndarray,
) -> None:
    worse, better = table(targets, 0.2, 0.4), table(targets, 0.4, 0.2)
    one = worse.set_index("metric").loc["f1_macro"]
    assert one["difference"] == pytest.approx(one["challenger"] - one["champion"])
    assert one["low"] < one["difference"] < one["high"] < 0
    assert not no_worse("f1_macro_loss", "all", worse, "f1_macro", 0.01).kept
    assert no_worse("f1_macro_loss", "all", worse, "f1_macro", 0.01).bound == -0.01
    assert no_worse("f1_macro_loss", "all", better, "f1_macro", 0.0).kept
    loss = float(-one["low"])
    assert no_worse("f1_macro_loss", "all", worse, "f1_macro", loss).kept
    assert not no_worse("f1_macro_loss", "all", worse, "f1_macro", loss - 1e-6).kept


def test_without_a_champion_nothing_is_compared_and_no_loss_limit_is_kept(targets: np.ndarray) -> None:
    scores = table(targets, 0.3, None)
    assert scores["champion"].isna().all()
    assert scores["low"].isna().all()
    assert not no_worse("f1_macro_loss", "all", scores, "f1_macro", 1.0).kept


def test_limits_hold_with_equality_and_never_for_what_is_not_measured() -> None:
    assert at_most("ece", 0.05, 0.05).kept
    assert not at_most("ece", 0.0500001, 0.05).kept
    assert not at_most("ece", np.nan, 1.0).kept
    assert at_least("counterfactual_validity", 0.95, 0.95).kept
    assert not at_least("counterfactual_validity", np.nan, 0.0).kept


def test_the_table_has_a_row_per_limit() -> None:
    verdicts = [at_most("ece", 0.1, 0.05), at_least("counterfactual_validity", 1.0, 0.95)]
    rows = acceptance_table(verdicts)
    assert rows["limit"].tolist() == ["ece", "counterfactual_validity"]
    assert rows["kept"].tolist() == [False, True]


def test_an_unknown_metric_is_refused(targets: np.ndarray) -> None:
    with pytest.raises(InputError, match="no metric 'f2'"):
        no_worse("limit", "all", table(targets, 0.3, 0.3), "f2", 0.1)
