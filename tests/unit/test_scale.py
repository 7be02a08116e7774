"""The cohort of copies, the ledger and the tables of docs/scale.md; what is in them is measured, not tested."""

import json
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import scale
from benchmarks.process_memory import Usage
from benchmarks.scale_cohort import copy_cohort, numbered, size_of
from benchmarks.scale_million import million_grid, seconds_per_draw
from benchmarks.scale_stages import GIB, LIMIT, Ledger, Measured
from benchmarks.scale_tables import (
    Line,
    limit_grid,
    prototypes_grid,
    rates_grid,
)
from flows.synthetic import write_cohort
from tasks.ingest import ingest
from tasks.params.ingest import IngestParams


def usage(seconds: float, gib: float, beyond: bool = False) -> Usage:
    return Usage(seconds / 2, seconds, int(gib * GIB), int(2 * gib * GIB), 3, -9 if beyond else 0, beyond)


def measured_ledger(file: Path) -> Ledger:
    """Every stage takes 10 s and 1 ms per record, 1 GiB and 0.1 MiB per record."""
    ledger = Ledger(file)
    for records in (2000, 20_000):
        for stage in ("simulate", "ingest", "split", "train", "calibrate", "attribute"):
            items = records // 10 if stage == "attribute" else records
            taken = usage(10 + records / 1000, 1 + records / 10_240)
            ledger.add(Measured(stage, records, items, taken, {"signals.npy": 24_000 * records}))
        sizes = {"records100": 26_000 * records, "on disk": 28_672 * records, "ptbxl_database.csv": 300}
        ledger.add(Measured("source", records, records, usage(0, 0), sizes))
    ledger.add(Measured("attribute-full", 2000, 200, usage(12 + 200 * 196 * 0.002, 2)))
    for candidates, seconds in ((250, 20.0), (500, 60.0)):
        ledger.add(Measured("prototypes", 20_000, candidates, usage(seconds, 1)))
    return ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return measured_ledger(tmp_path / "ledger.jsonl")


def test_a_line_goes_through_the_two_largest_sizes():
    line = Line.through([1, 2, 4], [100.0, 5.0, 9.0])
    assert (line.slope, line.at(10)) == (2.0, 21.0)
    assert Line.through([1, 2], [3.0, 2.0]).at(1000) == 2.0, "what seems to fall stays"
    with pytest.raises(ValueError, match="two sizes"):
        Line.through([1], [1.0])


def test_what_was_measured_is_found_again(ledger: Ledger):
    with ledger.file.open("a") as file:
        file.write('{"code": "cut of')
    again = Ledger(ledger.file)
    assert again.entries == ledger.entries
    assert again.find("prototypes", 20_000, 500).usage.processor_seconds == 60
    assert again.find("prototypes", 20_000, 400) is None
    assert [entry.records for entry in again.of("ingest")] == [2000, 20_000]


def test_figures_of_other_code_do_not_count(ledger: Ledger):
    lines = [json.loads(line) for line in ledger.file.read_text().splitlines()]
    ledger.file.write_text("".join(json.dumps({**line, "code": "other"}) + "\n" for line in lines))
    assert Ledger(ledger.file).entries == []


def test_a_line_that_was_cut_off_does_not_spoil_the_next(ledger: Ledger):
    with ledger.file.open("a") as file:
        file.write('{"code": "cut of')
    Ledger(ledger.file).add(Measured("report", 2000, 1, usage(1, 1)))
    assert Ledger(ledger.file).find("report", 2000) is not None


def test_slopes_and_a_million(ledger: Ledger):
    rates = {row[0]: row[1:] for row in rates_grid(ledger).rows}
    assert rates["ingest"] == ("1.00", "1,000", "105")  # 0.1 MiB
    assert rates["attribute"][:2] == ("1.00", "100")
    million = million_grid(ledger)
    assert million is not None
    hours = {row[0]: row[1:] for row in million.rows}
    assert hours["train"] == ("0.281", "98.7")  # 10 s and 1,000 s; 1 and 1,000,000 / 10,240 GiB
    assert seconds_per_draw(ledger) == pytest.approx(0.002)
    assert hours["attribute, 200 draws"][0] == "11.2"  # 0.281 and 100,000 records x 196 x 2 ms
    assert hours["prototypes, 1,000 candidates of each superclass"][0] == "0.296"  # 5 x 499,500 pairs
    assert "Not measured" in million.note


def test_a_pair_more_takes_the_difference(ledger: Ledger):
    first, second = prototypes_grid(ledger).rows
    assert first[:2] == ("250", "31,125")
    assert first[4:6] == ("", "")
    assert second[:2] == ("500", "124,750")
    assert second[5] == "0.427"  # 40 s over 93,625 pairs


def test_one_size_has_no_slope(tmp_path: Path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.add(Measured("ingest", 2000, 2000, usage(1, 1)))
    assert rates_grid(ledger).rows == prototypes_grid(ledger).rows == ()
    assert million_grid(ledger) is None


@pytest.mark.parametrize(
    ("gib", "beyond", "answer"), [(7.9, False, "yes"), (8.2, True, "no: it was stopped")]
)
def test_the_limit_is_answered_with_yes_or_no(tmp_path: Path, gib: float, beyond: bool, answer: str):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.add(Measured("train", 20_000, 14_000, usage(1, 1)))
    ledger.add(Measured("ingest", 200_000, 198_000, usage(1, gib, beyond)))
    assert [row[1] for row in limit_grid(ledger).rows] == [answer, "not run"]
    ledger.add(Measured("train", 200_000, 140_000, usage(1, gib, beyond)))
    rows = limit_grid(ledger).rows
    assert [(row[1], row[2]) for row in rows] == [(answer, "200,000")] * 2
    assert rows[0][3] == f"{gib:.2f}"
    assert LIMIT == 8 * GIB


def test_the_page_is_written_with_its_figure(ledger: Ledger, tmp_path: Path):
    sizes = ["--records", "200000", "20000", "2000", "--explained", "20000", "--candidates", "250"]
    asked = scale.options([str(tmp_path), *sizes, "--precision", "float32"])
    assert asked.records == [2000, 20_000, 200_000]
    text = scale.introduction(asked, busy=0.1)
    document = scale.write(ledger, text, tmp_path / "docs")
    written = document.read_text()
    assert "copies of the 20,000" in written
    assert "do not hold" not in written
    assert "in float32" in written
    assert "in cohorts of up to 20,000 records" in written
    assert "--records 2000 20000 200000 --candidates 250 --explained 20000`" in written
    other = scale.introduction(scale.options(["folder", "--precision", "bfloat16"]), busy=2.0)
    assert "in float32" not in other
    assert "do not hold" in other
    assert all(f"## {title}" in written for title in ("Memory", "Growth", "Disk", "Limits"))
    assert (tmp_path / "docs" / "scale.png").stat().st_size > 1000


def test_sizes_that_copies_cannot_make_are_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        scale.options(["folder", "--records", "2000", "25000", "--simulated", "2000"])
    assert "not a multiple" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        scale.options(["folder", "--records", "2000", "20000", "--explained", "200"])
    assert "leaves no cohort" in capsys.readouterr().err


def test_numbers_in_names_are_raised():
    assert numbered("00017_lr.dat and 00017_lr", 2000) == "02017_lr.dat and 02017_lr"
    assert numbered("99999_lr.hea", 200_000) == "299999_lr.hea"


def test_copies_are_ingested_as_so_many_records(tmp_path: Path):
    write_cohort(tmp_path / "one", 400, seed=3)
    copy_cohort(tmp_path / "one", tmp_path / "three", 3)
    params = IngestParams(max_quarantined=0.05, amplitude_limit_mv=20.0, reject_flat_leads=True)
    tables = {}
    for name in ("one", "three"):
        out = tmp_path / f"out-{name}"
        out.mkdir()
        ingest(tmp_path / name, out, params, workers=1)
        tables[name] = pd.read_parquet(out / "records.parquet"), pd.read_csv(out / "quarantine.csv")
    (one, dropped), (three, dropped_of_three) = tables["one"], tables["three"]
    assert len(three) == 3 * len(one)
    assert three["ecg_id"].is_unique
    assert three["patient_id"].nunique() == 3 * one["patient_id"].nunique()
    assert len(dropped) > 0
    assert dropped_of_three["reason"].value_counts().equals(3 * dropped["reason"].value_counts())
    sizes = [size_of(tmp_path / name / "records100") for name in ("one", "three")]
    assert sizes[1].files == 3 * sizes[0].files
    assert sizes[1].bytes == pytest.approx(3 * sizes[0].bytes, rel=1e-3)
