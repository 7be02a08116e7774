"""A small cohort and a classifier that is right about all of it: what the explanation stages start from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from models.backbones.registry import build_backbone
from models.bundle import describe
from models.inference import predict_probabilities
from tasks.explained import Explained, Sources
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.metrics.thresholds import predict_labels

RECORDS = 60
POSITIVE = 0.3
"""Share of the records in each superclass."""

ARM = "baseline"

QUICKLY = {
    "margin": 0.01,
    "donors": 1,
    "refined": 1,
    "path_points": 2,
    "lengths": 4,
    "passes": 1,
    "rounds": 1,
    "eliminated": 4,
}
"""A search of a few passes."""

SMALL_CHAIN: dict[str, dict[str, Any]] = {
    "attribute": {"draws": 8, "replicates": 2},
    "rules": {"samples": 10, "percentile": 99.0},
    "prototypes": {"smallest_class": 4, "dimensions": [2, 3], "clusters": [2]},
    "donors": {"role": "pool", "candidates": 6, "records": 2, "intervals_from": 5},
    "counterfactuals": {"noise_draws": 2, "beat_sparse": QUICKLY, "wave_sparse": QUICKLY},
}
"""Parameters that keep the chain's stages short; the rest as in params.yaml."""


def make_sources(out: Path) -> Sources:
    """The files of an arm in the folder `out` of a workspace: random weights, thresholds that give each superclass a
    share of the records, and as true labels what is predicted. Records 0-9 train, 10-19 are the background, 20-44 the
    pool, 45-59 the queries."""
    torch.manual_seed(3)
    backbone = build_backbone("cnn_gru_flow")
    backbone.normalise.set_statistics(0.0, 0.25)
    backbone.eval()
    signals = _signals()
    probabilities = predict_probabilities(backbone, signals, np.arange(RECORDS))
    thresholds = np.quantile(probabilities.astype(np.float64), 1 - POSITIVE, axis=0)
    labels = predict_labels(probabilities, thresholds)

    sources = Sources(
        out / "ingest", out / "split", out / f"train-{ARM}", out / f"calibrate-{ARM}", threads=1
    )
    for place in (sources.ingest, sources.split, sources.trained, sources.calibrated):
        place.mkdir(parents=True)
    np.save(sources.ingest / "signals.npy", signals)
    rows = np.arange(RECORDS)
    records = pd.DataFrame({"ecg_id": 1000 + rows, **dict(zip(SUPERCLASSES, labels.T, strict=True))})
    records.to_parquet(sources.ingest / "records.parquet")
    roles = pd.DataFrame({"row": rows, "ecg_id": 1000 + rows, "train": rows < 10})
    roles["fold"] = np.where(rows < 5, 1, np.where(rows < 10, 7, 10))
    roles["background"] = (rows >= 10) & (rows < 20)
    roles["pool"] = (rows >= 20) & (rows < 45)
    roles["query"] = rows >= 45
    roles.to_parquet(sources.split / "roles.parquet")
    (sources.split / "normalisation.json").write_text('{"mean_mv": 0.0, "records": 10, "std_mv": 0.25}')
    torch.save(backbone.state_dict(), sources.trained / "model.pt")
    description = describe("cnn_gru_flow", dict(zip(SUPERCLASSES, thresholds.tolist(), strict=True)))
    (sources.calibrated / "classifier.json").write_text(json.dumps(description))
    return sources


def load(sources: Sources) -> Explained:
    """The same as a stage would."""
    return Explained.load(sources)


def _signals() -> np.ndarray:
    """Regular beats of different rates, a different size in each lead, and noise."""
    random = np.random.default_rng(4)
    time = np.arange(RECORD_SAMPLES)
    signals = np.empty((RECORDS, RECORD_SAMPLES, len(LEADS)))
    for record in range(RECORDS):
        interval = random.integers(60, 110)
        phase = (time + random.integers(0, 60)) % interval
        beat = 1.0 * np.exp(-((phase - 20) ** 2) / 6) + 0.25 * np.exp(-((phase - 45) ** 2) / 60)
        signals[record] = beat[:, None] * random.uniform(0.3, 1.5, len(LEADS))
    signals += random.normal(0, 0.01, signals.shape)
    return np.rint(1000 * signals).astype(np.int16)
