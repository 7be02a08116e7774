"""Limits of acceptance: what is kept, what is not, and that what cannot be measured is not."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.acceptance import (
    COMPARED,
    Compared,
    Judged,
    Verdict,
    acceptance_table,
    at_least,
    at_most,
    no_worse,
)
from veribeat.metrics.bootstrap import Bootstrap
from veribeat.metrics.paired import paired_difference

BOOTSTRAP = Bootstrap(resamples=100, level=0.9, seed=1)
SHARES = st.floats(0, 1)
RECORDS = 200


def scores(low: float) -> pd.DataFrame:
    return pd.DataFrame(
        [("f1_macro", 0.8, 0.79, -0.01, low, 0.02), ("ece", 0.03, 0.02, -0.01, -0.02, 0.0)],
        columns=["metric", "champion", "challenger", "difference", "low", "high"],
    )


@given(SHARES, SHARES)
def test_a_loss_is_held_against_the_lower_end(low: float, loss: float) -> None:
    verdict = no_worse("f1_macro_loss", "all", scores(-low), "f1_macro", loss)
    assert verdict.kept == (low <= loss)
    assert verdict.bound == -loss
    measured = (verdict.champion, verdict.challenger, verdict.difference, verdict.low, verdict.high)
    assert measured == (0.8, 0.79, -0.01, -low, 0.02)


@given(SHARES, SHARES)
def test_a_value_is_held_against_its_bound(value: float, bound: float) -> None:
    assert at_most("ece", value, bound).kept == (value <= bound)
    assert at_least("validity", value, bound).kept == (value >= bound)
    verdict = at_most("ece", value, bound)
    assert (verdict.challenger, verdict.bound) == (value, bound)
    assert np.isnan([verdict.champion, verdict.difference, verdict.low, verdict.high]).all()


def test_a_limit_that_is_just_met_is_kept() -> None:
    assert no_worse("f1_macro_loss", "all", scores(-0.01), "f1_macro", 0.01).kept
    assert at_most("ece", 0.05, 0.05).kept
    assert at_least("validity", 0.95, 0.95).kept


def test_what_cannot_be_measured_is_not_kept() -> None:
    assert not no_worse("f1_macro_loss", "all", scores(np.nan), "f1_macro", 1.0).kept
    assert not at_most("ece", np.nan, 1.0).kept
    assert not at_least("validity", np.nan, 0.0).kept


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(InputError, match="no metric 'accuracy' to hold against the limit 'x'"):
        no_worse("x", "all", scores(0), "accuracy", 0.1)


def test_the_table_has_a_row_per_limit() -> None:
    verdicts = [at_most("ece", 0.1, 0.05), no_worse("f1_macro_loss", "all", scores(0.0), "f1_macro", 0.01)]
    table = acceptance_table(verdicts)
    assert list(table.columns) == list(asdict(verdicts[0]))
    assert table["limit"].tolist() == ["ece", "f1_macro_loss"]
    assert table["kept"].tolist() == [False, True]
    assert list(acceptance_table([]).columns) == list(Verdict.__annotations__)


@pytest.fixture(scope="module")
def targets() -> NDArray[np.bool_]:
    return np.random.default_rng(1).random((RECORDS, len(SUPERCLASSES))) < 0.4


@pytest.fixture(scope="module")
def patients() -> NDArray[np.int64]:
    return np.random.default_rng(2).integers(0, 120, RECORDS)


def judged(targets: NDArray[np.bool_], noise: float, seed: int) -> Judged:
    """A model that knows the truth, but for noise."""
    random = np.random.default_rng(seed)
    probabilities = np.clip(0.25 + 0.5 * targets + random.normal(0, noise, targets.shape), 0, 1)
    return Judged(probabilities, np.full(len(SUPERCLASSES), 0.5))


def test_the_difference_is_challenger_minus_champion(
    targets: NDArray[np.bool_], patients: NDArray[np.int64]
) -> None:
    good, bad = judged(targets, 0.2, 3), judged(targets, 0.6, 4)
    forth = Compared.on(good, bad, targets, patients, BOOTSTRAP).table(0.9).set_index("metric")
    back = Compared.on(bad, good, targets, patients, BOOTSTRAP).table(0.9).set_index("metric")
    assert list(forth.index) == list(COMPARED)
    np.testing.assert_allclose(forth["difference"], forth["challenger"] - forth["champion"])
    assert (forth.loc[["f1_macro", "auroc_macro"], "low"] > 0).all()  # the better one challenges
    assert forth.loc["hamming_loss", "high"] < 0
    np.testing.assert_allclose(forth["difference"], -back["difference"])
    np.testing.assert_allclose(forth["low"], -back["high"])
    np.testing.assert_allclose(forth["champion"], back["challenger"])


def test_a_model_is_no_worse_than_itself_on_any_draw(
    targets: NDArray[np.bool_], patients: NDArray[np.int64]
) -> None:
    """The same patients are drawn for both: were they not, the interval would have a width."""
    model = judged(targets, 0.5, 3)
    table = Compared.on(model, model, targets, patients, BOOTSTRAP).table(0.9)
    np.testing.assert_array_equal(table[["difference", "low", "high"]], 0)
    for metric in COMPARED:
        assert no_worse("loss", "all", table, metric, 0.0).kept


def test_all_records_of_a_patient_are_drawn_together(targets: NDArray[np.bool_]) -> None:
    """Records that each occur twice make intervals narrower, unless both are one patient's."""
    twice = np.concatenate([targets, targets])
    good, bad = judged(targets, 0.4, 3), judged(targets, 0.6, 4)
    doubled = [Judged(np.concatenate([m.probabilities] * 2), m.thresholds) for m in (good, bad)]
    people = np.arange(RECORDS)
    once = Compared.on(good, bad, targets, people, BOOTSTRAP).table(0.9)
    paired = Compared.on(*doubled, twice, np.concatenate([people, people]), BOOTSTRAP).table(0.9)
    pd.testing.assert_frame_equal(once, paired)


def test_scores_of_other_patients_are_not_paired(
    targets: NDArray[np.bool_], patients: NDArray[np.int64]
) -> None:
    model = judged(targets, 0.5, 3)
    here = Compared.on(model, None, targets, patients, BOOTSTRAP).challenger
    there = Compared.on(model, None, targets, np.arange(RECORDS), BOOTSTRAP).challenger
    with pytest.raises(InputError, match="cannot be paired"):
        paired_difference(here, there, 0.9)


def test_without_a_champion_nothing_is_compared(
    targets: NDArray[np.bool_], patients: NDArray[np.int64]
) -> None:
    table = Compared.on(judged(targets, 0.2, 3), None, targets, patients, BOOTSTRAP).table(0.9)
    assert table["challenger"].notna().all()
    assert table[["champion", "difference", "low", "high"]].isna().all(axis=None)


def test_a_superclass_that_nobody_has_is_not_kept(patients: NDArray[np.int64]) -> None:
    """Its AUROC is undefined, so nothing shows that the challenger is no worse there."""
    one_class = np.zeros((RECORDS, len(SUPERCLASSES)), dtype=bool)
    model = judged(one_class, 0.2, 3)
    table = Compared.on(model, model, one_class, patients, BOOTSTRAP).table(0.9)
    assert not no_worse("auroc_macro_loss", "all", table, "auroc_macro", 1.0).kept
