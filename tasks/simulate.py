"""Stage `simulate`: a simulated cohort in the shape of PTB-XL's folder."""

from pathlib import Path

import pandas as pd

from tasks.params.reading import read_section
from tasks.params.simulate import SimulateParams
from tasks.stage import output_folder, run
from veribeat.simulation.cohort import Cohort, Stream, generator, simulate_cohort
from veribeat.simulation.corruption import Corruption, corrupt_tables, corrupted_record, plan_corruption
from veribeat.simulation.labels import targets_of
from veribeat.simulation.statements import statement_table
from veribeat.simulation.wfdb_format import record_files


def simulate(out: Path, params: SimulateParams) -> None:
    """Write a PTB-XL folder of simulated records to `out`, an empty folder.

    ptbxl_database.csv, scp_statements.csv and records100/NNNNN/NNNNN_lr.{hea,dat} as PTB-XL has them, and
    simulation_truth.csv: what each record really shows and what was damaged (see
    `veribeat.simulation.tables.truth_table`).
    """
    cohort = simulate_cohort(params.records, params.seed, params.wrong_label_share, params.noise)
    targets = targets_of(cohort.truth["given_superclasses"])
    rng = generator(params.seed, Stream.CORRUPTION)
    plan = plan_corruption(cohort.table, targets, params.corrupted_share, rng)
    _write_records(out, cohort, plan)
    table, truth = corrupt_tables(cohort.table, cohort.truth, plan)
    _write_csv(table, out / "ptbxl_database.csv")
    _write_csv(truth, out / "simulation_truth.csv")
    _write_csv(statement_table().rename_axis("").reset_index(), out / "scp_statements.csv")


def _write_records(out: Path, cohort: Cohort, plan: list[Corruption]) -> None:
    kinds = {item.row: item.kind for item in plan}
    for row, filename in enumerate(cohort.table["filename_lr"]):
        path = out / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        if row in kinds:
            files = corrupted_record(path.name, cohort.signals[row], kinds[row])
        else:
            files = record_files(path.name, cohort.signals[row])
        path.with_name(path.name + ".hea").write_text(files.header, encoding="ascii", newline="\n")
        if files.samples is not None:
            path.with_name(path.name + ".dat").write_bytes(files.samples)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n")


def main() -> None:
    """Run the stage in the current workspace."""
    params = read_section(SimulateParams, "simulate")
    with output_folder("simulate") as out:
        simulate(out, params)


if __name__ == "__main__":
    run(main)
