"""Stage `split`: fold roles of every record, and the normalisation statistics of the training folds."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.params.reading import read_section
from tasks.params.split import SplitParams
from tasks.stage import OUT, output_folder, run, write_json
from veribeat.data.roles import assign_roles, unused_records
from veribeat.signal.statistics import mean_and_std_mv


def split(ingest: Path, out: Path, params: SplitParams) -> None:
    """Write fold roles and normalisation statistics of the cohort in `ingest`.

    - roles.parquet: one row per record (row, ecg_id, patient_id, fold) and a boolean column per role;
    - learning.parquet: row, train and validation alone, so that a training does not depend on who is held out how;
    - unused.csv: ecg_id and reason of every record without a role;
    - normalisation.json: the training records' mean and standard deviation in mV ([CF] 4.2).

    Raises InputError when roles overlap or a role has no record.
    """
    records = pd.read_parquet(ingest / "records.parquet")
    folds_of_role = params.model_dump(exclude={"drop_unlabelled"})
    roles = assign_roles(records, folds_of_role, drop_unlabelled=params.drop_unlabelled)
    roles.to_parquet(out / "roles.parquet", index=False)
    roles[["row", "train", "validation"]].to_parquet(out / "learning.parquet", index=False)
    unused_records(roles, folds_of_role).to_csv(out / "unused.csv", index=False, lineterminator="\n")
    signals = np.load(ingest / "signals.npy", mmap_mode="r")
    rows = np.flatnonzero(roles["train"])
    mean_mv, std_mv = mean_and_std_mv(signals, rows)
    write_json(out / "normalisation.json", {"mean_mv": mean_mv, "std_mv": std_mv, "records": len(rows)})


def main() -> None:
    """Run the stage in the current workspace."""
    params = read_section(SplitParams, "split")
    with output_folder("split") as out:
        split(OUT / "ingest", out, params)


if __name__ == "__main__":
    run(main)
