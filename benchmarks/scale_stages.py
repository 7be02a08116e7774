"""The stages of one cohort after the other, each watched as a process of its own, and a ledger of what they took."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks.process_memory import Usage, watched
from benchmarks.scale_cohort import copy_cohort, size_of
from flows.process import environment
from flows.workspace import Workspace, create_workspace
from tasks.file_names import RECORDS_FOLDER, RECORDS_TABLE
from tasks.params.reading import PARAMS_FILE
from tasks.stage import CODE_LINK, CODE_ROOT, OUT, SCRATCH, code_digests, digest
from veribeat.conventions import SUPERCLASSES

GIB = 2**30
LIMIT = 8 * GIB
"""Bytes that a stage may take of what the kernel cannot drop."""
LIMITED = ("ingest", "train")

MOST_SIMULATED = 20_000
"""Records of the largest cohort that is simulated: it takes 3 ms per record. Larger ones are copies of it."""

ARM, PRESET = "scale", "one_epoch"
DRAWS, REPLICATES = 4, 2
"""Of attributions by the number of records: what grows with records does so whatever the draws."""
FULL_DRAWS, FULL_REPLICATES = 200, 10
"""Of the smallest cohort's, once more: the settings of params.yaml."""

ONE_CLASS = {name: 0.0 if name == "NORM" else 1.0 for name in SUPERCLASSES}
"""Thresholds by which each record is NORM and nothing else: one class per record is attributed, and prototypes have as
many candidates as the pool has records that are NORM alone, however little was learnt."""


@dataclass(frozen=True)
class Measured:
    """One run of one stage; bytes and seconds."""

    stage: str
    records: int
    """Of the cohort, as it was asked for: damaged ones included."""
    items: int
    """What the stage worked on: records, or candidates."""
    usage: Usage
    outputs: dict[str, int] = field(default_factory=dict)
    """Bytes by file."""


class Ledger:
    """What was measured so far, a line of JSON each, so that a killed run goes on with what is missing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.code = digest(*code_digests().values())
        """Of what is measured: another code's figures are not taken for this one's."""
        self.entries: list[Measured] = []
        if file.is_file():
            self._read()

    def _read(self) -> None:
        content = self.file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # a kill cut the last line off, and the next would be joined to it
            os.truncate(self.file, len(whole))
        for entry in map(json.loads, whole.splitlines()):
            if entry.pop("code") == self.code:
                self.entries.append(Measured(**{**entry, "usage": Usage(**entry["usage"])}))

    def find(self, stage: str, records: int, items: int | None = None) -> Measured | None:
        """The measurement of a stage at that size, if there is one."""
        for entry in self.entries:
            if (entry.stage, entry.records) == (stage, records) and items in (None, entry.items):
                return entry
        return None

    def of(self, stage: str) -> list[Measured]:
        """All of a stage, the smallest first."""
        return sorted(
            (entry for entry in self.entries if entry.stage == stage),
            key=lambda entry: (entry.records, entry.items),
        )

    def add(self, measured: Measured) -> None:
        """Keep one more."""
        self.entries.append(measured)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"code": self.code, **asdict(measured)}) + "\n")


@dataclass(frozen=True)
class Bench:
    """A folder in which stages are measured."""

    folder: Path
    ledger: Ledger
    console: Console
    precision: str
    """Of training."""

    @classmethod
    def at(cls, folder: Path, precision: str) -> "Bench":
        """That in `folder`, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        return cls(folder.resolve(), Ledger(folder / f"ledger-{precision}.jsonl"), Console(), precision)

    def run(self, name: str, records: int, place: Path, command: Iterable[str], limit: int | None) -> Usage:
        """Run a stage in the folder `place`; ends with the last line of its output when it fails."""
        self.console.print(f"{name}, {records:,} records ...")
        # What an interrupted run has finished would be taken as it is, in no time.
        shutil.rmtree(place / SCRATCH, ignore_errors=True)
        log = self.folder / "logs" / f"{name}-{records}.log"
        paths = os.pathsep.join(filter(None, (str(CODE_ROOT), os.environ.get("PYTHONPATH"))))
        variables = environment({"PYTHONPATH": paths})
        usage = watched([sys.executable, "-m", *command], place, log, variables, limit)
        if usage.returncode and not usage.beyond_limit:
            last = (log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no output"])[-1]
            raise SystemExit(f"error: {name} failed: {last} ({log})")
        self.console.print(
            f"  {usage.seconds:.1f} s, {usage.processor_seconds:.1f} s of processors,"
            f" {usage.peak_kept / GIB:.2f} GiB, with files {usage.peak_resident / GIB:.2f} GiB"
        )
        return usage

    def cohort(self, records: int, simulated: int) -> Path:
        """The folder of a cohort of so many records: simulated, or copies of a simulated one of `simulated`."""
        if records > simulated:
            target = self.folder / f"copies-{records}"
            if not target.exists():
                source = self.cohort(simulated, simulated)
                self.console.print(f"copying to {records:,} records ...")
                copy_cohort(source, target, records // simulated)
            return target
        place = self.folder / f"simulated-{records}"
        target = place / OUT / "simulate"
        if not target.exists() or self.ledger.find("simulate", records) is None:
            place.mkdir(exist_ok=True)
            shutil.copyfile(CODE_ROOT / PARAMS_FILE, place / PARAMS_FILE)
            Workspace(place).set_params([f"simulate.records={records}"])
            if not (place / CODE_LINK).is_symlink():
                (place / CODE_LINK).symlink_to(CODE_ROOT, target_is_directory=True)
            usage = self.run("simulate", records, place, ["tasks.simulate"], None)
            self.ledger.add(Measured("simulate", records, records, usage))
        return target

    def workspace(self, records: int, cohort: Path) -> Workspace:
        """The workspace on a cohort."""
        place = self.folder / f"workspace-{records}-{self.precision}"
        if place.exists():
            return Workspace.at(place)
        fast = Workspace(CODE_ROOT).params().presets["fast"]
        one_epoch = fast.model_copy(update={"max_epochs": 1, "precision": self.precision}).model_dump_json()
        return create_workspace(
            place,
            cohort,
            [
                f"presets.{PRESET}={one_epoch}",
                f"arms.{ARM}={{backbone: cnn_gru_flow, preset: {PRESET}, seed: 1}}",
                f"explain.arm={ARM}",
                "explain.witness=null",
                f"attribute.draws={DRAWS}",
                f"attribute.replicates={REPLICATES}",
            ],
        )

    def measure(self, workspace: Workspace, name: str, records: int) -> None:
        """Run the stage `name` as DVC would, unless it was measured at this size."""
        short = name.partition("-")[0]
        out = workspace.path / OUT / name
        known = self.ledger.find(short, records)
        if known is not None and (out.exists() or known.usage.beyond_limit):
            return
        usage = self._stage(workspace, name, short, records, LIMIT if short in LIMITED else None)
        if known is None:
            items = _items(workspace, short) if not usage.beyond_limit else 0
            self.ledger.add(Measured(short, records, items, usage, _sizes(out)))

    def _stage(self, workspace: Workspace, name: str, label: str, records: int, limit: int | None) -> Usage:
        stage = next(each for each in workspace.stages() if each.name == name)
        return self.run(label, records, workspace.path, [stage.module, *stage.arguments], limit)

    def measure_full_attributions(self, workspace: Workspace, records: int) -> None:
        """Attributions with the draws of params.yaml."""
        if self.ledger.find("attribute-full", records) is not None:
            return
        workspace.set_params([f"attribute.draws={FULL_DRAWS}", f"attribute.replicates={FULL_REPLICATES}"])
        usage = self._stage(workspace, "attribute", "attribute-full", records, None)
        workspace.set_params([f"attribute.draws={DRAWS}", f"attribute.replicates={REPLICATES}"])
        self.ledger.add(Measured("attribute-full", records, _items(workspace, "attribute"), usage))

    def measure_prototypes(self, workspace: Workspace, records: int, most: int) -> bool:
        """Prototypes of so many candidates, all of one superclass; false where the pool has fewer."""
        if self.ledger.find("prototypes", records, most) is not None:
            return True
        workspace.set_params([f"prototypes.most_candidates={most}"])
        usage = self._stage(workspace, "prototypes", "prototypes", records, None)
        out = workspace.path / OUT / "prototypes"
        found = json.loads((out / "prototypes.json").read_text(encoding="utf-8"))
        candidates = sum(of_class["candidates"] for of_class in found.values())
        if candidates < most:
            self.console.print(f"  the pool has only {candidates} candidates: not kept")
            return False
        self.ledger.add(Measured("prototypes", records, candidates, usage, _sizes(out)))
        return True

    def measure_source(self, cohort: Path, records: int) -> None:
        """What the files of a cohort take."""
        if self.ledger.find("source", records) is None:
            size, table = size_of(cohort / RECORDS_FOLDER), size_of(cohort / RECORDS_TABLE)
            nothing = Usage(0, 0, 0, 0, 0, 0, False)
            outputs = {RECORDS_FOLDER: size.bytes, "on disk": size.on_disk, RECORDS_TABLE: table.bytes}
            self.ledger.add(Measured("source", records, records, nothing, outputs))


def set_one_class(workspace: Workspace) -> None:
    """Let the arm's classifier predict NORM for each record (`ONE_CLASS`)."""
    file = workspace.path / OUT / f"calibrate-{ARM}" / "classifier.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "thresholds": ONE_CLASS}), encoding="utf-8")


def _items(workspace: Workspace, stage: str) -> int:
    """Records that a stage worked on."""
    if stage == "ingest":
        return len(pd.read_parquet(workspace.path / OUT / "ingest" / "records.parquet", columns=["ecg_id"]))
    roles = pd.read_parquet(workspace.path / OUT / "split" / "roles.parquet")
    used = {
        "split": roles["train"],  # whose signals it reads
        "train": roles["train"],
        "calibrate": roles["validation"] | roles["test"],
        "attribute": roles["pool"],
    }
    return int(used[stage].sum())


def _sizes(folder: Path) -> dict[str, int]:
    if not folder.exists():
        return {}
    return {str(file.relative_to(folder)): file.stat().st_size for file in folder.iterdir() if file.is_file()}


def measure_all(
    bench: Bench, sizes: list[int], candidates: list[int], simulated: int, explained: int
) -> None:
    """Every stage at every size, the smallest first, then prototypes in the largest cohort.

    Cohorts of more than `explained` records are trained on, and their attributions and prototypes left out.
    """
    for records in sizes:
        cohort = bench.cohort(records, simulated)
        bench.measure_source(cohort, records)
        workspace = bench.workspace(records, cohort)
        for name in ("ingest", "split", f"train-{ARM}", f"calibrate-{ARM}"):
            bench.measure(workspace, name, records)
            done = bench.ledger.find(name.partition("-")[0], records)
            if done is not None and done.usage.beyond_limit:
                bench.console.print(
                    f"{name} was stopped beyond {LIMIT // GIB} GiB: nothing after it is measured"
                )
                return
        if records > explained:
            continue
        set_one_class(workspace)
        bench.measure(workspace, "attribute", records)
        if records == sizes[0]:
            bench.measure_full_attributions(workspace, records)
    largest = max(size for size in sizes if size <= explained)
    workspace = bench.workspace(largest, bench.cohort(largest, simulated))
    for most in candidates:
        if not bench.measure_prototypes(workspace, largest, most):
            break
