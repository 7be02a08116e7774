"""Simulated cohorts, and an explanation chain, that several modules look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from veribeat.simulation.cohort import Cohort, simulate_cohort

if TYPE_CHECKING:
    from explained_chain import Chain


@pytest.fixture(scope="session")
def clean() -> Cohort:
    """Without noise and wrong labels, so that the waves can be measured."""
    return simulate_cohort(4000, seed=7, wrong_label_share=0.0, noise=0.0)


@pytest.fixture(scope="session")
def noisy() -> Cohort:
    return simulate_cohort(600, seed=7, wrong_label_share=0.05, noise=1.0)


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The outputs of all stages; not to be changed."""
    from explained_chain import make_chain  # takes seconds to import, and few modules need it

    return make_chain(tmp_path_factory.mktemp("chain"))
