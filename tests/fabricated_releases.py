"""Release folders with few records and figures that are easy to tell apart, made without a training."""

import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from ruamel.yaml import YAML

from flows.release.manifest import write_manifest
from models.bundle import describe
from veribeat.conventions import SUPERCLASSES

CODE = Path(__file__).resolve().parents[1]

Kind = Literal["first", "update", "by hand"]

ODD = "batch <b>&amp; [red]_three_|"
"""Of a batch: what Markdown, HTML or a terminal could take for markup."""

TEST_RECORDS = 40
BLOCKS = {
    "calibrated": ("f1_macro", "f1_micro", "hamming_loss"),
    "ranking": ("auroc_macro",),
    "calibration": ("ece",),
}


def make_release(folder: Path, kind: Kind, *, simulated: bool = False) -> Path:
    """A release with its manifest, but for the documents and the page."""
    write_evidence(folder, kind, simulated=simulated)
    write_manifest(folder)
    return folder


def write_evidence(folder: Path, kind: Kind, *, simulated: bool = False) -> None:
    """All files of a release but documents, page and manifest; 0002, an update of 0001, or another kind of 0001."""
    folder.mkdir(parents=True)
    name = "0002" if kind == "update" else "0001"
    batches = [f"0002-{ODD}"] if kind == "update" else []
    arm = "challenger" if kind == "update" else "baseline"
    _params(folder, kind, batches, simulated=simulated)
    _provenance(folder, name, arm, kind)
    _data(folder)
    _model(folder, arm)
    _scores(folder)
    _selection(folder, kind)
    _environment(folder)
    if kind != "by hand":
        _acceptance(folder, kind)
        _explanations(folder)
        champion = "0001" if kind == "update" else None
        taken = {"batches": [], "began": "2026-03-01T08:00:00+00:00", "champion": champion, "kind": kind}
        write_json(folder / "taken.json", {**taken, "reason": ""})
    if kind == "update":
        _screening(folder / "screening" / batches[0])
        (folder / "batches").mkdir()
        (folder / "batches" / f"{batches[0]}.dvc").write_text("outs: []\n")


def write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def edit_params(folder: Path, **assignments: Any) -> None:
    """Set keys such as arms__baseline__seed in params.yaml."""
    document = YAML(typ="safe").load(folder / "params.yaml")
    for key, value in assignments.items():
        *parents, last = key.split("__")
        block = document
        for parent in parents:
            block = block[parent]
        block[last] = value
    YAML().dump(document, folder / "params.yaml")


def _params(folder: Path, kind: Kind, batches: list[str], *, simulated: bool) -> None:
    document = YAML(typ="safe").load(CODE / "params.yaml")
    YAML().dump(document, folder / "params.yaml")
    challenger = {
        **document["arms"]["baseline"],
        **{"preset": "update", "selection": "erts_update", "start": "champion"},
    }
    retrained = kind != "by hand"
    edit_params(
        folder,
        cohort__source="simulated_folder" if simulated else "ptbxl",
        cohort__batches=batches,
        arms={**document["arms"], "challenger": challenger} if retrained else document["arms"],
        retrain__challenger="challenger" if retrained else None,
        retrain__champion="0001" if kind == "update" else None,
        explain__arm={"first": "baseline", "update": "challenger", "by hand": None}[kind],
    )


def _provenance(folder: Path, name: str, arm: str, kind: Kind) -> None:
    write_json(
        folder / "provenance.json",
        {
            "release": name,
            "arm": arm,
            "workspace": "updates",
            "code": {
                "commit": "0123456789abcdef0123456789abcdef01234567",
                "dirty": False,
                "address": "https://git.example.org/veribeat.git",
            },
            "cohort": {"source": "ptbxl", "simulated": False, "folds": {"train": [1, 2]}},
            "remote": "../updates-remote",
            "mlflow": {"experiment": "updates", "run_id": "abc123", "tracking_uri": "sqlite:///mlflow.db"}
            if kind != "by hand"
            else None,
            "prefect": {"flow_run": "11111111-2222"} if kind != "by hand" else None,
            "versions_differ": ["torch 2.12.0 instead of 2.13.0"],
            "versions_unrecorded": [],
            "made": "2026-03-02T09:30:00+00:00",
        },
    )
    reasons = {
        "first": "the first champion",
        "update": "all limits are kept",
        "by hand": "made by hand: no limit was judged",
    }
    write_json(
        folder / "decision.json",
        {
            "release": name,
            "kind": kind,
            "champion_before": "0001" if kind == "update" else None,
            "accepted": True,
            "limits": [],
            "refused_batches": {"batch-05": "70% of its 10 records are quarantined"}
            if kind == "update"
            else {},
            "reason": reasons[kind],
        },
    )


def _data(folder: Path) -> None:
    classes = {name: 10 + i for i, name in enumerate((*SUPERCLASSES, "none"))}
    folds = {
        str(fold): {"records": 20 + fold, "patients": 15 + fold, "classes": classes} for fold in (1, 8, 9, 10)
    }
    write_json(
        folder / "card.json",
        {
            "records": 108,
            "patients": 88,
            "classes": classes,
            "folds": folds,
            "devices": {"AT-6 C 5.5": 60, "CS|12": 48},
            "sex": {"female": 50, "male": 58},
            "age": {
                "median": 61.5,
                "lower_quartile": 50.0,
                "upper_quartile": 72.0,
                "over_89": 1,
                "unknown": 2,
            },
            "quarantine": {"records": 2, "reasons": {"flat lead": 1, "missing file": 1}},
        },
    )
    (folder / "quarantine.csv").write_text(
        "ecg_id,file,reason,detail\n101,records100/101,flat lead,V5\n102,records100/102,missing file,\n"
    )
    write_json(folder / "normalisation.json", {"mean_mv": -0.00069256, "std_mv": 0.233850467, "records": 6})
    _csv(folder / "learnt.csv", ["ecg_id"], [[number] for number in range(1, 8)])
    rows = [[n, 3, f"{n:064x}", *(n % 5 == i for i in range(5))] for n in range(1, 7)]
    _csv(folder / "records.csv", ["ecg_id", "fold", "sha256", *SUPERCLASSES], rows)


def _model(folder: Path, arm: str) -> None:
    (folder / "model.pt").write_bytes(b"weights")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    entry = {
        "cmd": f"python -m tasks.train {arm}",
        "deps": [
            {"path": "code/tasks/train.py", "hash": "md5", "md5": "a" * 32},
            {"path": "code/veribeat/errors.py", "hash": "md5", "md5": "b" * 32},
            {"path": "cohort/records100", "hash": "md5", "md5": "c" * 32 + ".dir"},
        ],
        "outs": [{"path": f"out/train-{arm}/model.pt", "hash": "md5", "md5": "d" * 32}],
    }
    YAML().dump({"schema": "2.0", "stages": {f"train-{arm}": entry}}, folder / "dvc.lock")
    write_json(
        folder / "training.json",
        {
            "best_epoch": 7,
            "epochs": 8,
            "effective_epochs": 7.2765633647,
            "forward_equivalents": 21.829690094,
            "parameters": 41493,
            "train_records": 6,
            "validation_records": 29,
            "validation_loss": 0.2996589,
        },
    )
    _csv(folder / "history.csv", ["epoch", "train_loss", "val_loss"], [[0, 0.3, 0.4]])
    write_json(
        folder / "classifier.json",
        describe("cnn_gru_flow", {name: 0.3 + i / 100 for i, name in enumerate(SUPERCLASSES)}),
    )


def _scores(folder: Path) -> None:
    values = {
        block: {name: round(0.7 + i / 100 + j / 1000, 6) for j, name in enumerate(names)}
        for i, (block, names) in enumerate(BLOCKS.items())
    }
    by_class = {name: 0.6 + i / 100 for i, name in enumerate(SUPERCLASSES)}
    values["calibrated"] |= {f"{key}_by_class": by_class for key in ("f1", "precision", "recall")}
    values["ranking"] |= {"auroc_by_class": by_class, "classes_defined": 5}
    block = {**values, "records": TEST_RECORDS, "positives": dict.fromkeys(SUPERCLASSES, 9)}
    write_json(folder / "metrics.json", dict.fromkeys(("test", "validation", "fold_10"), block))
    rows = [
        [records, block, metric, value, round(value - 0.02, 6), round(value + 0.02, 6)]
        for records in ("test", "validation")
        for block, names in BLOCKS.items()
        for metric, value in values[block].items()
        if metric in names
    ]
    _csv(folder / "intervals.csv", ["records", "block", "metric", "estimate", "low", "high"], rows)
    scores = ("f1_macro", "auroc_macro", "hamming_loss", "ece")
    columns = [f"{name}{end}" for name in scores for end in ("", "_low", "_high")]
    groups = [["sex", "male", 25, 20], ["sex", "female", 15, 12], ["device", "AT-6 C 5.5", 40, 32]]
    rows = [[*group, *(round(0.7 + i / 100, 6) for i in range(12)), 0.02] for group in groups]
    _csv(
        folder / "subgroups.csv",
        ["attribute", "group", "records", "patients", *columns, "ece_by_chance"],
        rows,
    )
    _csv(
        folder / "error_patterns.csv",
        ["records", "thresholds", "true", "predicted", "count", "percent"],
        [["test", "calibrated", "MI", "NORM", 3, 7.5], ["test", "at_half", "CD, MI", "CD", 2, 5.0]],
    )
    (folder / "reliability.csv").write_text("class,bin\n")


def _selection(folder: Path, kind: Kind) -> None:
    """Of an update: records 2 and 5 are excluded, 3 was dropped once."""
    dropped = {2: 5, 3: 1, 5: 5} if kind == "update" else {}
    considered = 5 if kind == "update" else 0
    rows = [[n, 8 - dropped.get(n, 0), dropped.get(n, 0), considered, 0.1, 0.5] for n in range(1, 7)]
    columns = ["ecg_id", "kept", "dropped", "considered", "difficulty", "focus"]
    _csv(folder / "selection_log.csv", columns, rows)
    columns = ["epoch", "phase", "trained", "candidates", "kept", "dropped"]
    of_classes = [f"dropped_{name}" for name in SUPERCLASSES]
    rows = [[epoch, "full", 6, 0, 6, 0, *[0] * 5] for epoch in range(8)]
    if kind == "update":
        rows[3] = [3, "filtered", 3, 6, 3, 3, 2, 1, 0, 0, 0]
    _csv(folder / "selection.csv", [*columns, *of_classes], rows)


def _environment(folder: Path) -> None:
    write_json(
        folder / "environment.json",
        {"python": "3.11.9", "platform": "Linux", "processor": {"name": "a <b>processor</b>", "cores": 2}},
    )
    (folder / "environment.txt").write_text("numpy==2.3.1\ntorch==2.12.0\nwfdb==4.3.0\n")
    write_json(folder / "sbom.cdx.json", {"bomFormat": "CycloneDX", "components": []})


def _acceptance(folder: Path, kind: Kind) -> None:
    columns = ["limit", "scope", "champion", "challenger", "difference", "low", "high", "bound", "kept"]
    rows: list[list[Any]] = [
        ["ece", "all", "", 0.032917, "", "", "", 0.05, True],
        ["counterfactual_validity", "all", "", 0.98, "", "", "", 0.95, True],
        ["excluded", "all", "", 0.333333, "", "", "", 0.5, True],
    ]
    compared = (0.700289, 0.71514, 0.014851, 0.006319, 0.023171) if kind == "update" else ("",) * 5
    if kind == "update":
        rows = [
            ["f1_macro_loss", "all", *compared, -0.01, True],
            ["auroc_subgroup_loss", "sex: male", *compared, -0.03, True],
            *rows,
        ]
    _csv(folder / "acceptance.csv", columns, rows)
    first = ("", 0.71514, "", "", "")
    _csv(
        folder / "scores.csv",
        ["set", "records", "metric", *columns[2:7]],
        [
            [records, number, metric, *(compared if kind == "update" else first)]
            for records, number in (("reference", 30), ("unseen", 28), ("new", 2))
            for metric in ("f1_macro", "auroc_macro")
        ],
    )
    write_json(folder / "challenge.json", {"accepted": True, "broken": []})


def _explanations(folder: Path) -> None:
    entry = {"candidates": 13, "dimensions": 5, "pool": 26, "prototypes": 2, "silhouette": 0.263726}
    write_json(folder / "prototypes.json", dict.fromkeys(SUPERCLASSES, entry))
    write_json(folder / "donors.json", {name: {"candidates": 61, "donors": 8} for name in SUPERCLASSES})
    _csv(folder / "prototypes.csv", ["superclass", "ecg_id"], [["NORM", 8]])
    _csv(folder / "donors.csv", ["superclass", "ecg_id"], [["NORM", 3]])


def _screening(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_json(
        folder / "screening.json",
        {
            "records": 10,
            "accepted": 8,
            "quarantined": {"electrode off": 1, "leads swapped": 1},
            "drifted": ["noise"],
        },
    )
    columns = ["feature", "kind", "device", "psi", "p", "p_adjusted", "drifted", "note"]
    rows = [
        ["noise", "signal", "CS|12", 0.91, 1e-9, 1e-7, True, ""],
        ["age", "patient", "all", 0.02, 0.5, 1, False, ""],
        ["age", "patient", "other", "", "", "", False, "fewer than 100"],
    ]
    _csv(folder / "drift.csv", columns, rows)
    (folder / "accepted.csv").write_text("ecg_id,filename\n6,records100/6\n")
    (folder / "quarantine.csv").write_text(
        "ecg_id,file,reason,detail\n201,a,electrode off,V6\n202,b,leads swapped,\n"
    )


def _csv(file: Path, columns: list[str], rows: list[list[Any]]) -> None:
    pd.DataFrame(rows, columns=columns).to_csv(file, index=False)
