"""`tasks.screen`: what may be used of a batch, and why not of the rest."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from flows.stream import simulate_stream
from models.backbones.registry import build_backbone
from models.bundle import describe
from tasks.batch_checks import Clashes
from tasks.batch_reference import Reference
from tasks.ingest import ingest
from tasks.params.document import read_params
from tasks.params.ingest import IngestParams
from tasks.params.retrain import DriftParams
from tasks.params.simulate import SimulateParams
from tasks.refused_batch import EXIT_BATCH_REFUSED, BatchRefused
from tasks.screen import main, screen
from tasks.simulate import simulate
from tasks.stage import CODE_ROOT
from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import Reason
from veribeat.errors import InputError
from veribeat.simulation.stream import StreamPlan, parse_faults

INGEST = IngestParams(max_quarantined=0.5, amplitude_limit_mv=20.0)
FAULTS = ["1:broken_electrode:0.15", "1:mains_hum:0.15", "1:swapped_leads:0.15"]
FOUND_AS = {
    "broken_electrode": Reason.ELECTRODE_OFF,
    "mains_hum": Reason.MAINS_HUM,
    "swapped_leads": Reason.LEADS_SWAPPED,
}


@dataclass(frozen=True)
class Screened:
    """What was screened, and what came out."""

    batch: Path
    stages: Path
    champion: Path
    out: Path
    known: frozenset[int]
    elsewhere: frozenset[int]

    def reference(self, drift: DriftParams) -> Reference:
        return Reference.read(self.stages, self.champion, self.source, drift)

    @property
    def source(self) -> Path:
        return self.batch.parents[1] / "initial"

    @property
    def accepted(self) -> pd.DataFrame:
        return pd.read_csv(self.out / "accepted.csv")

    @property
    def quarantine(self) -> pd.DataFrame:
        return pd.read_csv(self.out / "quarantine.csv", dtype={"ecg_id": str})

    @property
    def faults(self) -> pd.DataFrame:
        return pd.read_csv(self.batch.parents[1] / "faults.csv", dtype={"ecg_id": str})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Screened:
    folder = tmp_path_factory.mktemp("screen")
    for name in ("source", "stages/ingest", "stages/split", "champion", "out"):
        (folder / name).mkdir(parents=True)
    simulate(folder / "source", SimulateParams(records=600, seed=5, corrupted_share=0.02))
    plan = StreamPlan(tuple(range(1, 8)), 0.6, 1, "device", 1)
    simulate_stream(folder / "source", folder / "stream", plan, parse_faults(FAULTS, 1))
    ingest(folder / "stream" / "initial", folder / "stages" / "ingest", INGEST, workers=1)
    known = pd.read_parquet(folder / "stages" / "ingest" / "records.parquet")
    roles = known[["ecg_id"]].assign(validation=known["fold"] >= 8)
    roles.to_parquet(folder / "stages" / "split" / "roles.parquet")
    batch = folder / "stream" / "inbox" / "batch-01"
    copied, moved = add_clashes(batch, folder / "stream" / "initial", known)
    _write_champion(folder / "champion", known)
    drift = read_params(CODE_ROOT / "params.yaml").retrain.drift
    made = Screened(batch, folder / "stages", folder / "champion", folder / "out", copied, moved)
    screen(batch, made.reference(small(drift)), made.out, INGEST, small(drift))
    return made


def small(drift: DriftParams) -> DriftParams:
    return drift.model_copy(update={"smallest_group": 20})


def add_clashes(batch: Path, initial: Path, known: pd.DataFrame) -> tuple[frozenset[int], frozenset[int]]:
    """Records of the cohort come again; other records are said to be of patients of another fold."""
    table = pd.read_csv(batch / "ptbxl_database.csv", dtype=str, keep_default_na=False)
    old = pd.read_csv(initial / "ptbxl_database.csv", dtype=str, keep_default_na=False)
    again = old[old["ecg_id"].isin(known.loc[known["fold"] <= 7, "ecg_id"][:5].astype(str))]
    for name in again["filename_lr"]:
        for ending in (".hea", ".dat"):
            target = batch / f"{name}{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(initial / f"{name}{ending}", target)
    held_out = known.loc[known["fold"] == 10, "patient_id"].iloc[-1]
    faulty = set(pd.read_csv(batch.parents[1] / "faults.csv", dtype=str)["ecg_id"])
    sound = table.index[~table["ecg_id"].isin(faulty)]
    # Alone of its patient, so that the batch has no patient in two folds of its own.
    alone = [index for index in sound if (table["patient_id"] == table.loc[index, "patient_id"]).sum() == 1]
    table.loc[alone[:1], "patient_id"] = str(held_out)
    moved = frozenset(table.loc[alone[:1], "ecg_id"].astype(int))
    pd.concat([table, again]).to_csv(batch / "ptbxl_database.csv", index=False, quoting=csv.QUOTE_MINIMAL)
    return frozenset(again["ecg_id"].astype(int)), moved


def _write_champion(folder: Path, known: pd.DataFrame) -> None:
    torch.manual_seed(3)
    backbone = build_backbone("cnn_gru_flow")
    backbone.normalise.set_statistics(0.0, 0.25)
    torch.save(backbone.state_dict(), folder / "model.pt")
    description = describe("cnn_gru_flow", dict.fromkeys(SUPERCLASSES, 0.5))
    (folder / "classifier.json").write_text(json.dumps(description))
    known.loc[known["fold"] <= 7, ["ecg_id"]].to_csv(folder / "learnt.csv", index=False)


def test_every_record_is_accepted_or_quarantined(made: Screened) -> None:
    came = pd.read_csv(made.batch / "ptbxl_database.csv", dtype=str)["ecg_id"]
    accepted, quarantine = made.accepted, made.quarantine
    assert sorted([*accepted["ecg_id"].astype(str), *quarantine["ecg_id"]]) == sorted(came)
    found = json.loads((made.out / "screening.json").read_text())
    assert found["records"] == len(came)
    assert found["accepted"] == len(accepted)
    assert found["quarantined"] == quarantine["reason"].value_counts().to_dict()
    assert sorted(path.name for path in made.out.iterdir()) == [
        "accepted.csv",
        "drift.csv",
        "quarantine.csv",
        "screening.json",
    ]


def test_what_the_cohort_has_is_not_taken_again(made: Screened) -> None:
    reasons = made.quarantine.set_index("ecg_id")["reason"]
    assert {reasons[str(ecg_id)] for ecg_id in made.known} == {Reason.DUPLICATE_ECG_ID}
    assert {reasons[str(ecg_id)] for ecg_id in made.elsewhere} == {Reason.PATIENT_IN_TWO_FOLDS}
    assert made.known
    assert made.elsewhere


def test_it_knows_what_the_cohort_left_out_and_what_earlier_batches_add(
    made: Screened, tmp_path: Path
) -> None:
    """And what is known by neither passes, as it does without them."""
    rows = pd.read_csv(made.batch / "ptbxl_database.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["ecg_id"].isin(made.accepted["ecg_id"].astype(str))]
    again, patient, left_out, other = rows.drop_duplicates("patient_id").iloc[:4].to_dict("records")
    stages, earlier = tmp_path / "stages", tmp_path / "earlier"
    shutil.copytree(made.stages, stages)
    earlier.mkdir()
    with (stages / "ingest" / "quarantine.csv").open("a") as file:
        file.write(f"1o1,x,unreadable cell,\n{left_out['ecg_id']},x,flat lead,lead V1\n")
    fold = str(1 + int(patient["strat_fold"]) % 10)
    moved = {**patient, "ecg_id": "999999", "filename_lr": "records100/x", "strat_fold": fold}
    refused = {**other, "filename_lr": "records100/y"}  # not accepted there
    table = pd.DataFrame([again, moved, refused])
    table.to_csv(earlier / "ptbxl_database.csv", index=False)
    table[:2][["ecg_id", "filename_lr"]].rename(columns={"filename_lr": "filename"}).to_csv(
        earlier / "accepted.csv", index=False
    )
    drift = small(read_params(CODE_ROOT / "params.yaml").retrain.drift)
    pairs = [(earlier, earlier / "accepted.csv")]
    reference = Reference.read(stages, made.champion, made.source, drift, pairs)
    clashes = Clashes(reference.known, reference.unusable, frozenset())
    before = Clashes(made.reference(drift).known, frozenset(), frozenset())
    for row, reason in (
        (again, Reason.DUPLICATE_ECG_ID),
        (patient, Reason.PATIENT_IN_TWO_FOLDS),
        (left_out, Reason.DUPLICATE_ECG_ID),
        (other, None),
    ):
        key = int(row["ecg_id"]), int(float(row["patient_id"])), int(row["strat_fold"])
        found = clashes._of(*key, "")
        assert (None if found is None else found[0]) == reason
        assert before._of(*key, "") is None
    samples = next(iter(made.reference(drift).samples))
    known = Clashes(made.reference(drift).known, frozenset(), frozenset([samples]))
    assert known._of(*key, samples) == (
        Reason.DUPLICATE_SAMPLES,
        "the cohort has a record with the same samples",
    )


def test_the_statements_are_those_of_the_cohort(
    made: Screened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that only the batch's own table has is unknown, as `ingest` will find it."""
    source = tmp_path / "initial"
    source.mkdir()
    rows = (made.source / "scp_statements.csv").read_text().splitlines()
    (source / "scp_statements.csv").write_text("\n".join(row for row in rows if not row.startswith("NORM,")))
    (tmp_path / "out").mkdir()
    drift = small(read_params(CODE_ROOT / "params.yaml").retrain.drift)
    reference = Reference.read(made.stages, made.champion, source, drift)
    nothing = pd.DataFrame({"drifted": np.array([], dtype=np.bool_)})
    monkeypatch.setattr("tasks.screen._drift", lambda *_: nothing)  # which takes long
    screen(made.batch, reference, tmp_path / "out", INGEST, drift)
    reasons = pd.read_csv(tmp_path / "out" / "quarantine.csv")["reason"].value_counts()
    assert reasons[Reason.UNKNOWN_STATEMENT] > 10
    assert Reason.UNKNOWN_STATEMENT not in set(made.quarantine["reason"])


def test_no_patient_is_in_another_fold_than_before(made: Screened) -> None:
    fold_of = (
        pd.read_parquet(made.stages / "ingest" / "records.parquet").groupby("patient_id")["fold"].first()
    )
    table = pd.read_csv(made.batch / "ptbxl_database.csv").set_index("ecg_id")
    accepted = table.loc[made.accepted["ecg_id"]]
    before = accepted["patient_id"].astype(int).map(fold_of)
    both = before.notna()
    assert (before[both] == accepted["strat_fold"][both]).all()


@pytest.mark.parametrize("fault", FOUND_AS)
def test_faults_are_quarantined(made: Screened, fault: str) -> None:
    faults = made.faults
    ids = faults.loc[faults["fault"] == fault, "ecg_id"]
    reasons = made.quarantine.set_index("ecg_id")["reason"].reindex(ids)
    assert len(ids) >= 10
    assert reasons.notna().mean() >= 0.9
    assert (reasons == FOUND_AS[fault]).mean() >= 0.8


def test_sound_records_are_accepted(made: Screened) -> None:
    came = pd.read_csv(made.batch / "ptbxl_database.csv", dtype=str)["ecg_id"]
    sound = set(came) - set(made.faults["ecg_id"]) - {str(k) for k in made.known | made.elsewhere}
    assert np.mean([ecg_id in set(made.accepted["ecg_id"].astype(str)) for ecg_id in sound]) > 0.85


def test_that_more_is_refused_than_usual_is_a_drift(made: Screened) -> None:
    drift = pd.read_csv(made.out / "drift.csv")
    of_all = drift[(drift["feature"] == "refused") & (drift["device"] == "all")]
    (refused,) = of_all.to_dict("records")
    assert refused["drifted"]
    assert refused["psi"] > 0.2
    found = json.loads((made.out / "screening.json").read_text())
    assert "refused (all)" in found["drifted"]
    assert len(found["drifted"]) == drift["drifted"].sum()
    assert {"device", "amplitude_mv", "noise_mv", "heart_rate", "confidence", "focus", *SUPERCLASSES} <= set(
        drift["feature"]
    )


@pytest.mark.slow
def test_the_same_again_is_the_same_bytes(made: Screened, tmp_path: Path) -> None:
    drift = read_params(CODE_ROOT / "params.yaml").retrain.drift
    screen(made.batch, made.reference(small(drift)), tmp_path, INGEST, small(drift))
    for file in made.out.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_folder_that_is_no_batch_is_one_sentence(made: Screened, tmp_path: Path) -> None:
    drift = read_params(CODE_ROOT / "params.yaml").retrain.drift
    (tmp_path / "none").mkdir()
    (tmp_path / "out").mkdir()
    with pytest.raises(BatchRefused, match=r"ptbxl_database\.csv does not exist"):
        screen(tmp_path / "none", made.reference(small(drift)), tmp_path / "out", INGEST, small(drift))
    assert not any((tmp_path / "out").iterdir())


def test_a_batch_that_is_refused_has_an_exit_code_of_its_own(
    made: Screened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("none", "out"):
        (tmp_path / name).mkdir()
    arguments = [tmp_path / "none", tmp_path / "out", made.champion, made.source, os.getppid()]
    monkeypatch.chdir(CODE_ROOT)
    monkeypatch.setattr(sys, "argv", ["screen", *map(str, arguments)])
    monkeypatch.setattr("tasks.screen.OUT", made.stages)
    monkeypatch.setattr("tasks.screen.make_deterministic", lambda threads: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == EXIT_BATCH_REFUSED == 3
    assert "error: " in capsys.readouterr().err
    monkeypatch.setattr(
        sys,
        "argv",
        ["screen", *map(str, [made.batch, tmp_path / "out", tmp_path, made.source, os.getppid()])],
    )
    (tmp_path / "learnt.csv").write_text("ecg_id\n")
    with pytest.raises(InputError):  # no champion there
        main()


def test_it_ends_with_the_flow_that_started_it(tmp_path: Path) -> None:
    """A process whose parent is another one than it was told, as after a kill, ends at once."""
    program = (
        "import os, time; from tasks.parent import end_with; end_with(os.getppid() + {}); time.sleep({})"
    )
    for offset, seconds, code in ((1, 60, 1), (0, 1, 0)):
        done = subprocess.run(
            [sys.executable, "-c", program.format(offset, seconds)], cwd=CODE_ROOT, check=False, timeout=50
        )
        assert done.returncode == code
