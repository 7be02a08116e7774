"""The cache's promises for the longer chain: what runs again, what does not, and that equal inputs give equal bytes."""

import pytest
from checkout import Checkout

pytestmark = pytest.mark.slow

CHAIN = ["attribute", "rules", "prototypes", "donors", "counterfactuals", "report"]


def test_after_the_flow_dvc_repro_runs_nothing_and_force_gives_the_same_lock(explained: Checkout) -> None:
    lock = explained.lock()
    assert explained.stages()[-len(CHAIN) :] == CHAIN
    assert explained.repro() == []
    assert explained.repro("--force", "--single-item", *CHAIN) == CHAIN
    assert explained.lock() == lock


@pytest.mark.parametrize(
    ("assignment", "rerun"),
    [
        ("report.target=MI", ["report"]),
        ("rules.seed=2", ["rules"]),  # no record of so small a cohort has a rule: its files stay as they are
        ("prototypes.cluster_on=rules", ["prototypes", "counterfactuals", "report"]),
    ],
)
def test_a_changed_parameter_reruns_what_depends_on_it(
    explained: Checkout, assignment: str, rerun: list[str]
) -> None:
    explained.set_params(assignment)
    assert explained.repro() == rerun


@pytest.mark.parametrize(
    ("module", "users"),
    [
        ("veribeat/rules/box.py", ["rules"]),
        ("veribeat/counterfactual/alignment.py", ["counterfactuals", "report"]),
        ("flows/explain.py", []),
    ],
)
def test_an_edited_module_reruns_its_users_and_only_those(
    explained: Checkout, module: str, users: list[str]
) -> None:
    file = explained.path / module
    file.write_text(file.read_text() + "\n# an edit that changes nothing\n")
    lock_of_outputs = explained.output_hashes()
    assert explained.repro() == users
    assert explained.output_hashes() == lock_of_outputs


def test_without_an_arm_to_explain_the_chain_is_gone(explained: Checkout) -> None:
    explained.set_params("explain.arm=null")
    assert not set(explained.stages()) & set(CHAIN)
    assert explained.repro() == []
