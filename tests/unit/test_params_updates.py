"""Parameters of a workspace for updates: what fits together, and what does not is one sentence."""

from pathlib import Path

import pytest
from params_text import set_param
from ruamel.yaml import YAML

from flows.workspace import RETRAINING
from tasks.params.document import read_params
from veribeat.errors import InputError


@pytest.fixture
def updated_file(params_file: Path) -> Path:
    """params.yaml of a workspace for updates."""
    for assignment in RETRAINING:
        key, _, value = assignment.partition("=")
        set_param(params_file, key, YAML(typ="safe").load(value))
    return params_file


def test_a_workspace_for_updates_judges_the_first_champion_first(updated_file: Path) -> None:
    params = read_params(updated_file)
    assert params.judged == "baseline"
    assert [arm for arm in params.arms if not params.is_trainable(arm)] == ["challenger"]
    set_param(updated_file, "retrain.champion", "0001")
    set_param(updated_file, "explain.arm", "challenger")
    params = read_params(updated_file)
    assert params.judged == "challenger"
    assert all(map(params.is_trainable, params.arms))


def test_without_a_challenger_nothing_is_judged(params_file: Path) -> None:
    assert read_params(params_file).judged is None
    # What only updates go by is not looked at.
    set_param(params_file, "retrain.first", "other")
    set_param(params_file, "retrain.judge.reference", [7])
    assert read_params(params_file).judged is None


def test_a_witness_may_stay_where_nothing_is_explained(params_file: Path) -> None:
    set_param(params_file, "explain.arm", None)
    assert read_params(params_file).explain.witness == "erts"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"retrain.challenger": "other"}, "'retrain.challenger' should be 'challenger'"),
        (
            {"retrain.challenger": "other", "arms.challenger.start": "scratch"},
            "'retrain.challenger' is 'other'; 'arms' has baseline, challenger, erts",
        ),
        ({"retrain.first": "other"}, "'retrain.first' is 'other'; 'arms' has baseline, challenger, erts"),
        ({"retrain.first": "challenger"}, "'retrain.first' is 'challenger', which starts from a champion"),
        (
            {"arms.challenger.backbone": "resnet1d"},
            "'arms.challenger' starts from the champion, so its backbone must be that of 'arms.baseline'",
        ),
        (
            {"arms.erts.start": "champion"},
            "'arms.erts.start' is champion, so 'retrain.challenger' should be 'erts'",
        ),
        ({"explain.arm": None}, "'explain.arm' should be 'baseline', the arm that the next update judges"),
        ({"explain.arm": "erts"}, "'explain.arm' should be 'baseline', the arm that the next update judges"),
        ({"retrain.champion": "0001"}, "'explain.arm' should be 'challenger'"),
        ({"retrain.champion": "0001;touch x"}, "'retrain.champion' is '0001;touch x'"),
        (
            {"explain.witness": "challenger"},
            "'explain.witness' is 'challenger', which starts from a champion, and there is none",
        ),
        (
            {"retrain.judge.reference": [7]},
            "'retrain.judge.reference' and '.unseen' should be folds of 'split.test'",
        ),
        (
            {"retrain.judge.unseen": [9]},
            "'retrain.judge.reference' and '.unseen' should be folds of 'split.test'",
        ),
    ],
)
def test_updates_that_cannot_be_are_refused(
    updated_file: Path, values: dict[str, object], words: str
) -> None:
    for key, value in values.items():
        set_param(updated_file, key, value)
    with pytest.raises(InputError) as error:
        read_params(updated_file)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_challenger_may_have_another_backbone_if_it_starts_from_scratch(updated_file: Path) -> None:
    set_param(updated_file, "arms.challenger.start", "scratch")
    set_param(updated_file, "arms.challenger.backbone", "resnet1d")
    assert read_params(updated_file).judged == "baseline"
