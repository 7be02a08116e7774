"""What `ingest` keeps of PTB-XL."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_records import filename

from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import Reason

CLASSES_WITHOUT_FOLD_8 = {"NORM": 8581, "MI": 4930, "STTC": 4720, "CD": 4406, "HYP": 2381}


@pytest.mark.slow
@pytest.mark.real
def test_all_records_but_two_are_kept(ptbxl_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    ingest(ptbxl_root, out, IngestParams(max_quarantined=0.001, amplitude_limit_mv=20.0))
    quarantine = pd.read_csv(out / "quarantine.csv")
    assert dict(zip(quarantine["ecg_id"], quarantine["reason"], strict=True)) == {
        12722: Reason.FLAT_LEAD,
        20045: Reason.BEYOND_AMPLITUDE_LIMIT,
    }
    records = pd.read_parquet(out / "records.parquet")
    complete = records[records["fold"] != 8]  # fold 8 may be restored in part
    assert complete["fold"].value_counts().sort_index().to_dict() == {
        1: 2174, 2: 2180, 3: 2192, 4: 2174, 5: 2174, 6: 2173, 7: 2176, 9: 2183, 10: 2198,
    }  # fmt: skip
    assert {name: int(complete[name].sum()) for name in SUPERCLASSES} == CLASSES_WITHOUT_FOLD_8
    row_of_first = int(np.flatnonzero(records["ecg_id"] == 1)[0])
    stored = np.fromfile(ptbxl_root / f"{filename(1)}.dat", "<i2").reshape(1000, 12)
    np.testing.assert_array_equal(np.load(out / "signals.npy", mmap_mode="r")[row_of_first], stored)
