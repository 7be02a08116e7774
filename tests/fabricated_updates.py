"""A ledger of updates as `veribeat retrain` leaves it, made without a training."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fabricated import CODE
from ruamel.yaml import YAML

from flows.release.contents import release_folder
from flows.release.manifest import write_manifest
from flows.retrain.ledger import DONE, Decision, Kind, TakenBatch, Update, begin
from flows.retrain.steps import EVIDENCE, SCREENING
from flows.workspace import Workspace
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.acceptance import Verdict, acceptance_table, at_least, at_most

FEATURES = (
    "device",
    "new device",
    *SUPERCLASSES,
    "age",
    "refused",
    "amplitude",
    "noise",
    "heart_rate",
    "focus",
)
ODD_NAME = "batch <b>&amp; [red]three"
"""Of a batch: what a page or a terminal could take for markup."""


@dataclass(frozen=True)
class Came:
    """A batch as it was screened."""

    name: str
    quarantined: dict[str, int] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()
    screened: bool = True
    records: int = 1000


def make_workspace(path: Path, *, simulated: bool = True) -> Workspace:
    """A workspace that has parameters, and nothing else."""
    (path / ".dvc").mkdir(parents=True)
    document = YAML(typ="safe").load(CODE / "params.yaml")
    document["cohort"]["source"] = "simulated" if simulated else "ptbxl"
    YAML().dump(document, path / "params.yaml")
    return Workspace.at(path)


def make_updates(place: Workspace) -> None:
    """First, accepted, refused by a limit, refused unscreened, rollback, accepted in part, unfinished."""
    make_update(
        place, "first", (), None, {"reference": (None, 0.700), "unseen": (None, 0.710)}, accepted=True
    )
    make_update(
        place,
        "update",
        (Came("batch-01", {"electrode off": 8, "leads swapped": 6}),),
        "0001",
        {"reference": (0.700, 0.715), "unseen": (0.710, 0.712), "new": (0.690, 0.760)},
        accepted=True,
    )
    make_update(
        place,
        "update",
        (Came(ODD_NAME, {"mains hum": 114, "electrode off": 122}, ("refused", "noise")),),
        "0002",
        {"reference": (0.715, 0.690), "unseen": (0.712, 0.700), "new": (0.650, 0.720)},
        accepted=False,
        reasons=("f1_macro_loss of all is -0.030000, and the limit -0.010000",),
    )
    make_update(
        place,
        "update",
        (Came("batch-01", screened=False),),
        "0002",
        {},
        accepted=False,
        reasons=("batch-01 is the same, byte for byte, as a batch of update 0002",),
    )
    make_update(
        place, "rollback", (), "0002", {}, accepted=True, release="0001", reasons=("it misses MI & HYP",)
    )
    make_update(
        place,
        "update",
        (Came("batch-04"), Came("batch-05", {"flat lead": 700})),
        "0001",
        {"reference": (0.700, 0.720), "unseen": (0.710, 0.730), "new": (0.700, 0.750)},
        accepted=True,
        reasons=("batch-05: 70% of its 1000 records are quarantined (limit 50%)",),
        held=("batch-05",),
    )
    begin(place.path, "update", [TakenBatch("batch-06", "f")], "0006", "2026-03-07T08:00:00+00:00")
    for name in ("inbox/batch-06", f"held/0003-{ODD_NAME}"):
        (place.path / name).mkdir(parents=True)


def make_update(
    place: Workspace,
    kind: Kind,
    came: tuple[Came, ...],
    champion: str | None,
    scores: dict[str, tuple[float | None, float]],
    *,
    accepted: bool,
    release: str | None = None,
    reasons: tuple[str, ...] = (),
    held: tuple[str, ...] = (),
) -> Update:
    """Enter one; `scores` are macro-F1 of champion and challenger by set, none where nothing was trained."""
    number = len(list((place.path / "updates").glob("*"))) + 1
    batches = [TakenBatch(batch.name, f"{number}{batch.name}") for batch in came]
    update = begin(
        place.path, kind, batches, champion, f"2026-03-{number:02d}T08:00:00+00:00", " ".join(reasons)
    )
    for batch, taken in zip(came, batches, strict=True):
        if batch.screened:
            _screening(update.folder / SCREENING / update.stored_name(taken), batch)
    if scores:
        _evidence(update.folder / EVIDENCE, scores)
    if accepted and release is None:
        release = update.name
        folder = release_folder(place.path, release)
        folder.mkdir(parents=True)
        write_manifest(folder)
    if not accepted:
        held = tuple(batch.name for batch in came)
    update.decide(Decision(release, reasons, held))
    update.write(DONE, {"ended": f"2026-03-{number:02d}T09:30:00+00:00"})
    return update


def _screening(folder: Path, batch: Came) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(batch.name))
    rows = [
        {
            "feature": feature,
            "device": device,
            "n_reference": 3000,
            "n_batch": batch.records,
            "psi": 0.9 if feature in batch.drifted else random.uniform(0, 0.15),
            "statistic": 0.1,
            "p": 1e-9,
            "p_adjusted": 1e-7 if feature in batch.drifted else 1.0,
            "drifted": feature in batch.drifted,
        }
        for feature in FEATURES
        for device in (("all",) if feature == "device" else ("CS-12", "AT-6 C 5.5"))
    ]
    rows.append({"feature": "age", "device": "other", "drifted": False})  # too few records: not compared
    pd.DataFrame(rows).to_csv(folder / "drift.csv", index=False)
    (folder / "quarantine.csv").write_text("ecg_id,file,reason,detail\n")
    counts: dict[str, Any] = {
        "records": batch.records,
        "accepted": batch.records - sum(batch.quarantined.values()),
        "quarantined": batch.quarantined,
        "drifted": list(batch.drifted),
    }
    (folder / "screening.json").write_text(json.dumps(counts))


def _evidence(folder: Path, scores: dict[str, tuple[float | None, float]]) -> None:
    folder.mkdir()
    rows = []
    for name, (champion, challenger) in scores.items():
        difference = np.nan if champion is None else challenger - champion
        for metric in ("f1_macro", "auroc_macro"):
            ends = (difference, difference - 0.005, difference + 0.005)
            rows.append((name, 900, metric, np.nan if champion is None else champion, challenger, *ends))
    columns = ["set", "records", "metric", "champion", "challenger", "difference", "low", "high"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "scores.csv", index=False)
    champion, challenger = scores["reference"]
    verdicts = [
        at_most("ece", 0.03, 0.05),
        at_least("counterfactual_validity", 1.0, 0.95),
        at_most("excluded", 0.1, 0.5),
    ]
    if champion is not None:
        lost = challenger - champion
        verdicts = [
            Verdict(
                "f1_macro_loss",
                "all",
                champion,
                challenger,
                lost,
                lost - 0.005,
                lost + 0.005,
                -0.01,
                lost > -0.005,
            ),
            *verdicts,
        ]
    acceptance_table(verdicts).to_csv(folder / "acceptance.csv", index=False)
