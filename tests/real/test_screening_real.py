"""The screening on real records: learnt from part of fold 1, tried on part of fold 9."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.file_names import RECORDS_FOLDER
from veribeat.data.wfdb_record import read_record
from veribeat.signal.screening import Defect, Screening
from veribeat.simulation.faults import add_hum, break_electrode, swap_electrodes

pytestmark = pytest.mark.real

RECORDS = 900


def fold(root: Path, number: int) -> np.ndarray:
    table = pd.read_csv(root / "ptbxl_database.csv", usecols=["strat_fold", "filename_lr"])
    names = table.loc[table["strat_fold"] == number, "filename_lr"].iloc[:RECORDS]
    folder = (root / RECORDS_FOLDER).resolve()
    records = [read_record(folder, name.removeprefix(f"{RECORDS_FOLDER}/"), 32.0, False) for name in names]
    return np.stack(records).astype(np.float32) / np.float32(1000)


def test_faults_are_found_and_clean_records_pass(ptbxl_root: Path) -> None:
    screening, records = Screening.fit(fold(ptbxl_root, 1)), fold(ptbxl_root, 9)
    clean = screening.screen(records)
    assert (
        np.mean([found is not None for found in clean]) <= 0.035
    )  # learnt from a seventeenth of the records
    for put, defect, least in (
        (add_hum, Defect.MAINS_HUM, 0.995),
        (break_electrode, Defect.ELECTRODE_OFF, 0.93),
        (swap_electrodes, Defect.LEADS_SWAPPED, 0.90),
    ):
        faulty = np.stack([put(one, np.random.default_rng([3, k]))[0] for k, one in enumerate(records)])
        found = screening.screen(faulty)
        assert np.mean([each is not None for each in found]) >= least, defect
