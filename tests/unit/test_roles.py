"""Fold roles and normalisation statistics."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veribeat.conventions import SUPERCLASSES
from veribeat.data.roles import assign_roles, check_not_learnt, unused_records
from veribeat.errors import InputError
from veribeat.signal.statistics import mean_and_std_mv

ROLES = {"train": [1, 2], "validation": [3], "background": [3], "pool": [4], "query": [5], "test": [4, 5]}


def _records(folds: list[int], patients: list[int] | None = None) -> pd.DataFrame:
    count = len(folds)
    table = pd.DataFrame(
        {"ecg_id": np.arange(100, 100 + count), "patient_id": patients or list(range(count)), "fold": folds}
    )
    for name in SUPERCLASSES:
        table[name] = False
    table["NORM"] = True
    return table


def _rows(roles: pd.DataFrame, role: str) -> list[int]:
    return roles.loc[roles[role], "row"].tolist()


def test_records_play_every_role_of_their_fold() -> None:
    roles = assign_roles(_records([1, 2, 3, 4, 5, 6]), ROLES, drop_unlabelled=False)
    assert _rows(roles, "train") == [0, 1]
    assert _rows(roles, "validation") == _rows(roles, "background") == [2]
    assert _rows(roles, "test") == [3, 4]
    unused = unused_records(roles, ROLES)
    assert unused.to_dict("records") == [{"ecg_id": 105, "reason": "its fold has no role"}]


def test_unlabelled_records_can_be_dropped_from_every_role() -> None:
    records = _records([1, 1, 3, 4, 5])
    records.loc[1, "NORM"] = False
    assert _rows(assign_roles(records, ROLES, drop_unlabelled=False), "train") == [0, 1]
    roles = assign_roles(records, ROLES, drop_unlabelled=True)
    assert _rows(roles, "train") == [0]
    assert unused_records(roles, ROLES).to_dict("records") == [{"ecg_id": 101, "reason": "no superclass"}]


def test_a_patient_on_both_sides_is_refused() -> None:
    with pytest.raises(InputError, match=r"1 patient_id \(such as 7\) are in both train and validation"):
        assign_roles(_records([1, 3, 4, 5], [7, 7, 8, 9]), ROLES, drop_unlabelled=False)
    with pytest.raises(InputError, match="patient_id"):
        assign_roles(_records([1, 3, 4, 5], [7, 8, 9, 7]), ROLES, drop_unlabelled=False)


@pytest.mark.parametrize(("learnt", "named"), [([11], 11), ([14], 13), ([14, 99], 13)])
def test_what_a_model_has_learnt_from_is_not_new_to_it(learnt: list[int], named: int) -> None:
    """Neither are other records of the same patient: 13 and 14 are of one."""
    records = pd.DataFrame({"ecg_id": [10, 11, 12, 13, 14], "patient_id": [1, 2, 3, 4, 4]})
    rows = np.array([1, 3])
    with pytest.raises(InputError, match=rf"from 1 of the 2 test records \(such as {named}\)"):
        check_not_learnt(records, rows, np.array(learnt), "test records")
    check_not_learnt(records, rows, np.array([10, 12, 99]), "test records")
    check_not_learnt(records, rows, np.array([], dtype=np.int64), "test records")


def test_an_empty_role_is_refused() -> None:
    with pytest.raises(InputError, match="'validation'"):
        assign_roles(_records([1, 4, 5]), ROLES, drop_unlabelled=False)


@given(st.integers(0, 2**32 - 1))
def test_statistics_equal_numpy_on_the_chosen_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    signals = rng.integers(-32768, 32768, size=(7, 20, 12), dtype=np.int16)
    rows = np.array([0, 3, 6])
    mean, std = mean_and_std_mv(signals, rows)
    assert mean == pytest.approx(signals[rows].mean() / 1000, abs=1e-9)
    assert std == pytest.approx(signals[rows].astype(float).std() / 1000, rel=1e-12)


def test_statistics_of_nothing_are_an_error() -> None:
    with pytest.raises(ValueError, match="no records"):
        mean_and_std_mv(np.zeros((2, 10, 12), np.int16), np.array([], dtype=int))


@pytest.mark.real
def test_statistics_of_the_training_folds_are_the_papers(ptbxl_root: Path) -> None:
    """[CF] 4.2 prints mu and sigma over all 15,245 records of folds 1-7, artefacts included."""
    table = pd.read_csv(ptbxl_root / "ptbxl_database.csv")
    files = table.loc[table["strat_fold"] <= 7, "filename_lr"]
    signals = np.empty((len(files), 1000, 12), dtype=np.int16)
    for row, name in enumerate(files):
        signals[row] = np.fromfile(ptbxl_root / f"{name}.dat", dtype="<i2").reshape(1000, 12)
    mean, std = mean_and_std_mv(signals, np.arange(len(files)))
    assert len(files) == 15_245
    assert round(mean, 7) == -0.0008313
    assert round(std, 7) == 0.2357998
