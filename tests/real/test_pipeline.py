"""The whole pipeline on all of the real records, with a training of two epochs and few draws."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import REPOSITORY

SETTINGS = (
    "ingest.amplitude_limit_mv=32.0",
    "ingest.reject_flat_leads=false",
    "presets.fast.max_epochs=2",
    "attribute.draws=4",
    "attribute.replicates=2",
    "rules.samples=20",
    "counterfactuals.noise_draws=1",
)


def _veribeat(*arguments: str) -> str:
    command = [sys.executable, "-m", "flows", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.real
@pytest.mark.hours
@pytest.mark.timeout(1800)
def test_ptbxl_goes_through_the_pipeline(ptbxl_root: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    edits = [option for setting in SETTINGS for option in ("--set", setting)]
    _veribeat("init", str(workspace), "--data", str(ptbxl_root), *edits)
    output = _veribeat("run", "--workspace", str(workspace))
    assert "[CF]" in output

    normalisation = json.loads((workspace / "out/split/normalisation.json").read_text())
    assert normalisation["records"] == 15_245
    assert round(normalisation["mean_mv"], 7) == -0.0008313
    assert round(normalisation["std_mv"], 7) == 0.2357998
    metrics = json.loads((workspace / "out/calibrate-baseline/metrics.json").read_text())
    assert metrics["fold_10"]["records"] == 2198
    assert metrics["fold_10"]["ranking"]["auroc_macro"] > 0.75  # two epochs learn something; chance is 0.5

    attributions = json.loads((workspace / "out/attribute/attribute.json").read_text())
    assert attributions["records"] == 2198
    counterfactuals = json.loads((workspace / "out/counterfactuals/counterfactuals.json").read_text())
    assert counterfactuals["queries"] > 100
    assert counterfactuals["original"]["all"]["validity"] == 1  # a prototype is predicted as its class
    assert 0 < counterfactuals["aligned_sparse"]["all"]["validity"] < 1
    changed = {method: counterfactuals[method]["all"]["share_changed"] for method in ("original", "sparse")}
    assert changed["sparse"] < changed["original"]
