"""The data card, the records schema, and the paper's tables beside a cohort."""

import json

import numpy as np
import pandas as pd
import pytest

from veribeat.conventions import SUPERCLASSES
from veribeat.data.card import age_summary, data_card
from veribeat.data.cohort_checks import patients_in_several_folds, repeated
from veribeat.data.ptbxl_table import as_table
from veribeat.data.published import beside_published
from veribeat.data.quarantine import Quarantined, Reason
from veribeat.data.schema import validate_records
from veribeat.errors import InputError


def table(*labels: str, **columns: object) -> pd.DataFrame:
    """One record per argument; an argument lists superclasses, as in "MI CD"."""
    return as_table(
        [
            {
                "ecg_id": index,
                "patient_id": index // 2,
                "age": 50.0,
                "sex": 0,
                "device": "CS-12   E",
                "fold": 1 + index // 2,
                "recording_date": "",
                "filename": f"{index}",
                **{name: name in text.split() for name in SUPERCLASSES},
            }
            | columns
            for index, text in enumerate(labels)
        ]
    )


COHORT = table("NORM", "MI CD", "MI CD STTC", "", "MI STTC")


def test_counts_per_class_and_fold() -> None:
    quarantined = [Quarantined("7", "f", Reason.FLAT_LEAD, "d"), Quarantined("8", "g", Reason.FLAT_LEAD, "d")]
    card = data_card(COHORT, quarantined)
    assert (card["records"], card["patients"]) == (5, 3)
    assert card["classes"] == {"NORM": 1, "MI": 3, "STTC": 2, "CD": 2, "HYP": 0, "none": 1}
    assert card["folds"]["2"]["classes"] == {"NORM": 0, "MI": 1, "STTC": 1, "CD": 1, "HYP": 0, "none": 1}
    assert card["devices"] == {"CS-12 E": 5}
    assert card["sex"] == {"male": 5}
    assert card["quarantine"] == {"records": 2, "reasons": {"flat lead": 2}}
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_combinations_count_at_least_and_exactly() -> None:
    found = {tuple(row["labels"]): row for row in data_card(COHORT, [])["label_combinations"]}
    assert found[("MI", "CD")] == {"labels": ["MI", "CD"], "at_least": 2, "exactly": 1, "percent": 40.0}
    assert found[("MI", "STTC", "CD")]["exactly"] == 1
    assert ("NORM", "CD") not in found


def test_ages_over_89_are_not_300_years() -> None:
    ages = pd.Series([40.0, 50.0, 60.0, 300.0, 300.0, np.nan])
    assert age_summary(ages) == {
        "lower_quartile": 50.0, "median": 60.0, "upper_quartile": 90.0, "over_89": 2, "unknown": 1,
    }  # fmt: skip
    assert age_summary(pd.Series([np.nan]))["median"] is None


def test_published_tables_stand_beside_own_counts() -> None:
    rows = {row["labels"]: row for row in beside_published(COHORT)}
    assert rows["MI"]["published_percent"] == 25.09
    assert (rows["MI, CD"]["published_count"], rows["MI, CD"]["published_percent"]) == (1794, 8.23)
    assert (rows["MI, CD"]["count"], rows["MI, CD"]["percent"]) == (2, 40.0)


def test_a_sound_table_passes_the_schema() -> None:
    pd.testing.assert_frame_equal(validate_records(COHORT, signals=5), COHORT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ecg_id": [0, 1, 2, 3, 3]}, "ecg_id"),
        ({"ecg_id": [1, 0, 2, 3, 4]}, "sorted by ecg_id"),
        ({"fold": np.array([0] * 5, np.int8)}, "fold"),
        ({"fold": np.array([1, 2, 3, 4, 5], np.int8)}, "every patient in one fold"),
        ({"MI": [0, 1, 1, 0, 1]}, "MI"),
        ({"sex": np.array([2] * 5, np.int8)}, "sex"),
        ({"extra": [1] * 5}, "extra"),
    ],
)
def test_a_table_that_breaks_the_schema_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_records(COHORT.assign(**change), signals=5)


def test_table_and_signals_must_have_the_same_length() -> None:
    with pytest.raises(InputError, match="5 rows for 4 signals"):
        validate_records(COHORT, signals=4)


def test_cohort_checks() -> None:
    assert repeated("abcab") == {"a": 2, "b": 2}
    assert patients_in_several_folds([(1, 2), (1, 2), (3, 9), (3, 1)]) == {3: (1, 9)}
