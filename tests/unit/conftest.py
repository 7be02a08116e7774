"""Cohorts, and an explanation chain, that several modules look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bad_records import BadFolder, write_folder_with_bad_records

from veribeat.simulation.cohort import Cohort, simulate_cohort

if TYPE_CHECKING:
    from explained_chain import Chain

REPOSITORY = Path(__file__).resolve().parents[2]


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


@pytest.fixture(scope="session")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> BadFolder:
    """A folder in PTB-XL's layout with records of every kind that `ingest` refuses; not to be changed."""
    folder = tmp_path_factory.mktemp("ingest") / "ptbxl"
    return folder, write_folder_with_bad_records(folder)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for what a stage writes."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    """A copy of the repository's params.yaml."""
    file = tmp_path / "params.yaml"
    file.write_text((REPOSITORY / "params.yaml").read_text())
    return file
