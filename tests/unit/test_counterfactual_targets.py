"""Targets of counterfactuals: label sets, the default, and all that differ."""

import numpy as np
import pytest

from veribeat.counterfactual.targets import default_target, label_set, names_of, single_targets
from veribeat.errors import InputError

PROBABILITIES = np.array([0.9, 0.2, 0.1, 0.6, 0.3])


def test_names_and_label_sets_belong_together() -> None:
    assert label_set(["HYP", "MI"]).tolist() == [False, True, False, False, True]
    assert names_of(label_set(["HYP", "MI"])) == ("MI", "HYP")
    assert names_of(label_set([])) == ()


def test_an_unknown_superclass_is_refused() -> None:
    with pytest.raises(InputError, match="'AFIB' is no superclass; choose from NORM, MI, STTC, CD, HYP"):
        label_set(["MI", "AFIB"])


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        (["MI"], "NORM"),
        (["CD", "HYP"], "NORM"),
        (["NORM", "CD"], "NORM"),  # one label less
        (["NORM"], "CD"),  # the most probable of the other four
        ([], "NORM"),  # the most probable of all
    ],
)
def test_the_default_goes_from_pathological_to_normal(labels: list[str], target: str) -> None:
    assert default_target(label_set(labels), PROBABILITIES) == target


def test_targets_are_single_and_differ_from_the_prediction() -> None:
    assert [names_of(target) for target in single_targets(label_set(["STTC"]))] == [
        ("NORM",),
        ("MI",),
        ("CD",),
        ("HYP",),
    ]
    assert len(single_targets(label_set(["MI", "CD"]))) == 5


def test_targets_can_be_limited_to_the_superclasses_with_prototypes() -> None:
    assert [names_of(target) for target in single_targets(label_set(["MI"]), ["HYP", "MI", "NORM"])] == [
        ("NORM",),
        ("HYP",),
    ]
