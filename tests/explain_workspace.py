"""A workspace in which records can be explained, made without running its stages."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from models.bundle import Classifier
from tasks.explained import Explained, Sources
from tasks.real_ranges import RANGES, write_ranges
from tasks.stage import digest
from veribeat.conventions import SUPERCLASSES
from veribeat.prototypes.store import PrototypeSet, write_prototypes
from veribeat.signal.stored_units import from_units
from veribeat.simulation.cohort import simulate_cohort

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = REPOSITORY / "reference" / "ptbxl-cnn_gru_flow"
WITNESS = REPOSITORY / "reference" / "ptbxl"
RECORDS = 64


def make_workspace(path: Path) -> None:
    """Simulated records, networks that were trained on PTB-XL, and prototypes of all superclasses but HYP."""
    (path / ".dvc").mkdir(parents=True)
    params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    params["cohort"]["source"] = "simulated"
    params["explain"]["arm"] = "baseline"
    params["attribute"] |= {"method": "expected_gradients", "draws": 20, "replicates": 2}
    YAML().dump(params, path / "params.yaml")
    out = path / "out"
    for stage in ("ingest", "split", "prototypes", "donors"):
        (out / stage).mkdir(parents=True)
    for arm, trained in (("baseline", REFERENCE), (params["explain"]["witness"], WITNESS)):
        for stage, file in (("train", "model.pt"), ("calibrate", "classifier.json")):
            (out / f"{stage}-{arm}").mkdir()
            shutil.copyfile(trained / file, out / f"{stage}-{arm}" / file)

    cohort = simulate_cohort(RECORDS, seed=3, wrong_label_share=0.0, noise=0.2)
    np.save(out / "ingest" / "signals.npy", cohort.signals)
    predicted = labels_of(cohort.signals)
    records = pd.DataFrame({"ecg_id": np.arange(RECORDS) + 1})
    for name in SUPERCLASSES:
        records[name] = [name in labels for labels in predicted]
    records.to_parquet(out / "ingest" / "records.parquet")
    rows = np.arange(RECORDS)
    roles = pd.DataFrame(
        {"row": rows, "ecg_id": records["ecg_id"], "background": rows >= 40, "pool": rows >= 20}
    )
    roles.to_parquet(out / "split" / "roles.parquet")
    (out / "split" / "normalisation.json").write_text('{"mean_mv": 0.0, "records": 20, "std_mv": 0.24}')

    donors = [row for name in SUPERCLASSES[:-1] for row in rows_predicted(predicted, name)[-2:]]
    count = len(donors)
    prototypes = PrototypeSet(
        signals_mv=from_units(cohort.signals[donors]),
        ecg_ids=np.array(donors) + 1,
        superclasses=tuple(predicted[row][0] for row in donors),
        clusters=np.zeros(count, dtype=np.int64),
        cluster_sizes=np.full(count, 7),
        silhouettes=np.full(count, np.nan),
        mean_distances=np.full(count, 50.0),
        provenance={file: digest(REFERENCE / file) for file in ("model.pt", "classifier.json")},
    )
    for stage in ("prototypes", "donors"):
        write_prototypes(out / stage / f"{stage}.h5", prototypes)
    write_ranges(out / "donors" / RANGES, Explained.load(Sources.of_arm("baseline", 1, out)), 10)


def labels_of(signals: np.ndarray) -> list[tuple[str, ...]]:
    classifier = Classifier.load(REFERENCE)
    return classifier.labels(classifier.probabilities(from_units(signals)))


def rows_predicted(predicted: list[tuple[str, ...]], *names: str) -> list[int]:
    return [row for row, labels in enumerate(predicted) if labels == names]
