"""Simulated cohorts that several modules look at."""

import pytest

from veribeat.simulation.cohort import Cohort, simulate_cohort


@pytest.fixture(scope="session")
def clean() -> Cohort:
    """Without noise and wrong labels, so that the waves can be measured."""
    return simulate_cohort(4000, seed=7, wrong_label_share=0.0, noise=0.0)


@pytest.fixture(scope="session")
def noisy() -> Cohort:
    return simulate_cohort(600, seed=7, wrong_label_share=0.05, noise=1.0)
