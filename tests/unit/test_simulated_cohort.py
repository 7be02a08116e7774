"""The simulated cohort: labels, patients, folds, and bytes that depend on the seed alone."""

import ast
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.simulation.cohort import Cohort, simulate_cohort
from veribeat.simulation.labels import COMBINATIONS, combination_names, quotas, targets_of
from veribeat.simulation.statements import STATEMENTS, statement_table


def test_limb_leads_obey_einthoven_and_goldberger(noisy: Cohort) -> None:
    of = {name: noisy.signals[:, :, index].astype(int) for index, name in enumerate(LEADS)}
    assert np.array_equal(of["III"], of["II"] - of["I"])
    assert np.abs(2 * of["AVR"] + of["I"] + of["II"]).max() <= 1
    assert np.abs(2 * of["AVL"] - 2 * of["I"] + of["II"]).max() <= 1
    assert np.abs(2 * of["AVF"] - 2 * of["II"] + of["I"]).max() <= 1


def test_signals_have_the_shape_and_size_of_ptbxl(noisy: Cohort) -> None:
    assert noisy.signals.shape == (600, 1000, 12)
    assert noisy.signals.dtype == np.int16
    assert 0.15 < noisy.signals.std() / 1000 < 0.32, "PTB-XL: 0.236 mV"
    assert np.abs(noisy.signals).max() < 15_000
    assert np.ptp(noisy.signals, axis=1).min() > 0


def test_same_seed_same_bytes_and_other_seed_others() -> None:
    first, second, other = (simulate_cohort(60, seed, 0.05, 1.0) for seed in (3, 3, 4))
    assert first.signals.tobytes() == second.signals.tobytes()
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.truth, second.truth)
    assert not np.array_equal(first.signals, other.signals)


def test_wrong_labels_and_noise_leave_the_hearts_alone() -> None:
    honest, wrong, quiet = (simulate_cohort(60, 3, *knobs) for knobs in ((0.0, 1.0), (0.3, 1.0), (0.0, 0.0)))
    assert np.array_equal(honest.signals, wrong.signals)
    assert not np.array_equal(honest.signals, quiet.signals)
    assert honest.truth["true_superclasses"].equals(quiet.truth["true_superclasses"])


def test_a_regenerated_noise_level_scales_with_the_multiplier() -> None:
    cohorts = {noise: simulate_cohort(40, 3, 0.0, noise) for noise in (0.0, 1.0, 3.0)}
    excess = {
        noise: np.abs(cohort.signals.astype(float) - cohorts[0.0].signals).mean()
        for noise, cohort in cohorts.items()
    }
    assert excess[3.0] == pytest.approx(3 * excess[1.0], rel=0.05)


def test_combinations_come_in_ptbxls_proportions(clean: Cohort) -> None:
    counts = clean.truth["true_superclasses"].value_counts()
    for name, per_ten_thousand in zip(combination_names(), COMBINATIONS.values(), strict=True):
        assert abs(counts.get(name, 0) - 4000 * per_ten_thousand / sum(COMBINATIONS.values())) <= 1


@pytest.mark.real
def test_combination_table_is_ptbxls(ptbxl_root: Path) -> None:
    database = pd.read_csv(ptbxl_root / "ptbxl_database.csv")
    statements = pd.read_csv(ptbxl_root / "scp_statements.csv", index_col=0)
    superclass = statements.loc[statements["diagnostic"] == 1, "diagnostic_class"].to_dict()
    found = Counter(
        tuple(
            name
            for name in SUPERCLASSES
            if name in {superclass.get(code) for code in ast.literal_eval(codes)}
        )
        for codes in database["scp_codes"]
    )
    for combination, per_ten_thousand in COMBINATIONS.items():
        assert found[combination] / len(database) == pytest.approx(per_ten_thousand / 10_000, abs=2e-4)
    assert list(database.columns) == list(simulate_cohort(20, 0, 0.0, 0.0).table.columns)
    assert list(statements.columns) == list(statement_table().columns)


def test_quotas_are_exact_and_nearest() -> None:
    assert quotas([1, 1, 2], 7).tolist() == [2, 2, 3]
    assert quotas([5, 0], 3).tolist() == [3, 0]


def test_wrong_labels_have_the_asked_share_and_are_listed(noisy: Cohort) -> None:
    truth = noisy.truth
    assert truth["label_wrong"].sum() == 30
    assert (truth["true_superclasses"] != truth["given_superclasses"]).equals(truth["label_wrong"])


def test_codes_say_what_is_given(noisy: Cohort) -> None:
    given = targets_of(noisy.truth["given_superclasses"])
    for row, text in enumerate(noisy.table["scp_codes"]):
        codes = ast.literal_eval(text)
        assert set(codes) <= STATEMENTS.keys()
        said = {STATEMENTS[code].superclass for code in codes} - {""}
        assert said == {name for name, there in zip(SUPERCLASSES, given[row], strict=True) if there}


def test_statements_of_true_labels_are_those_shown(clean: Cohort) -> None:
    for superclass in ("MI", "STTC", "CD", "HYP"):
        shown = clean.truth[f"statement_{superclass}"]
        assert (shown != "").equals(clean.truth["true_superclasses"].str.contains(superclass))
        for statement, codes in zip(shown, clean.table["scp_codes"], strict=True):
            assert not statement or statement in ast.literal_eval(codes)


def test_patients_keep_to_one_fold_and_some_return(clean: Cohort) -> None:
    by_patient = clean.table.groupby("patient_id")
    assert by_patient["strat_fold"].nunique().max() == 1
    assert by_patient["sex"].nunique().max() == 1
    assert (by_patient.size() > 1).sum() > 200


def test_folds_are_balanced(clean: Cohort) -> None:
    sizes = clean.table["strat_fold"].value_counts()
    assert sorted(sizes.index) == list(range(1, 11))
    assert sizes.max() - sizes.min() <= 20
    for present in targets_of(clean.truth["given_superclasses"]).T:
        per_fold = clean.table["strat_fold"][present].value_counts()
        assert per_fold.max() - per_fold.min() <= 12


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("records", [20, 40, 60, 120])
def test_small_cohorts_are_well_formed(records: int, seed: int) -> None:
    cohort = simulate_cohort(records, seed, 0.05, 1.0)
    fold = cohort.table["strat_fold"]
    assert set(fold) == set(range(1, 11))
    assert cohort.table.groupby("patient_id")["strat_fold"].nunique().max() == 1
    given = targets_of(cohort.truth["given_superclasses"])
    for present in given.T:
        if present.sum() >= 2:
            assert present[fold == 9].any(), "validation lacks a superclass"
            assert present[fold <= 7].any(), "training lacks a superclass"


def test_age_and_sex_are_plausible(clean: Cohort) -> None:
    age = clean.table["age"]
    assert ((age <= 89) | (age == 300)).all()
    assert 55 < age.median() < 68
    assert 0.4 < clean.table["sex"].mean() < 0.56
    normal = clean.truth["true_superclasses"] == "NORM"
    assert age[normal].median() + 5 < age[~normal].median()
    assert clean.table["recording_date"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((10, 0, 0.0, 1.0), "records"),
        ((50, -1, 0.0, 1.0), "seed"),
        ((50, 0, 1.5, 1.0), "wrong_label_share"),
        ((50, 0, 0.0, float("nan")), "noise"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[int, int, float, float], key: str) -> None:
    with pytest.raises(InputError, match=key):
        simulate_cohort(*arguments)
