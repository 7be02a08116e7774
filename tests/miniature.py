"""A pipeline of two stages in a git repository of its own, and a release of it: what an audit is tried out on.

An audit knows of a release its files alone, so that seconds of work can stand for a training.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.process import run_quietly
from flows.release.contents import STATE
from flows.release.environment import environment, environment_lock
from flows.release.listings import write_listings
from flows.release.manifest import write_manifest
from flows.release.reading import ReleaseFiles
from flows.release.signature import sign
from flows.workspace import Workspace

NAME = "v1"

INGEST = """
import sys
from pathlib import Path
import numpy as np
import pandas as pd
out, split = Path("out/ingest"), Path("out/split")
for folder in (out, split):
    folder.mkdir(parents=True, exist_ok=True)
rows = "".join((Path(folder) / "ptbxl_database.csv").read_text() for folder in sys.argv[1:]).count("\\n")
(out / "card.json").write_text('{"records": %d}' % rows)
records = pd.DataFrame({"ecg_id": range(1, rows + 1), "fold": 1, "filename": "x"})
classes = {name: True for name in ("NORM", "MI", "STTC", "CD", "HYP")}
records.assign(**classes).to_parquet(out / "records.parquet")
np.save(out / "signals.npy", np.arange(rows * 4, dtype="int16").reshape(rows, 2, 2))
records[["ecg_id"]].assign(train=True).to_parquet(split / "roles.parquet")
"""

TRAIN = """
import json, sys
from pathlib import Path
records = json.loads(Path("out/ingest/card.json").read_text())["records"]
earlier = [float((Path(folder) / "model.pt").read_text()) for folder in sys.argv[1:]]
out, trained = Path("out/calibrate-baseline"), Path("out/train-baseline")
for folder in (out, trained):
    folder.mkdir(parents=True, exist_ok=True)
lines = Path("params.yaml").read_text().splitlines()
rate = float(lines[0].partition(":")[2])
(out / "metrics.json").write_text(json.dumps({"test": {"f1": rate * records + sum(earlier), "records": records}}))
(trained / "model.pt").write_text(f"{rate * records}, the weights")
lines = [f"{row},2,1,3,{rate * row}" for row in range(records)]
(trained / "samples.csv").write_text("\\n".join(["row,kept,dropped,considered,difficulty", *lines, ""]))
"""


WRITE_CHAIN = """
import sys
from pathlib import Path
Path(sys.argv[-1], "dvc.yaml").write_bytes(Path("chain.yaml").read_bytes())
"""
"""What stands for `python -m flows dvc-yaml --workspace FOLDER`."""


@dataclass(frozen=True)
class Miniature:
    """The pipeline's code, a workspace on it, and the release of that workspace."""

    code: Path
    workspace: Path
    release: Path

    @property
    def commit(self) -> str:
        """Of the code."""
        return git(self.code, "rev-parse", "HEAD")

    def release_again(self, key: Ed25519PrivateKey | None = None) -> None:
        """Write manifest and signature for the files as they are now."""
        write_manifest(self.release)
        if key is not None:
            sign(self.release, key)


def git(folder: Path, *arguments: str) -> str:
    """Run git, as somebody."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make(folder: Path, *, linked: bool, key: Ed25519PrivateKey | None = None) -> Miniature:
    """The pipeline, run once and released.

    Args:
        folder: an empty folder.
        linked: whether the workspace is a folder of its own with a link to code and data, a batch from a DVC remote and
            an earlier release that it began with; otherwise it is the code's folder, and makes its data itself.
        key: signs the release.
    """
    code = folder / "code"
    code.mkdir()
    for name, text in (("ingest", INGEST), ("train", TRAIN)):
        (code / f"{name}.py").write_text(text)
    (code / "flows").mkdir()
    (code / "flows" / "__main__.py").write_text(WRITE_CHAIN)
    (code / ".dvcignore").write_text("")
    (code / ".gitignore").write_text("/out/\\n/releases/\\n")
    write_cohort(code / "data", rows=3)
    workspace = folder / "workspace" if linked else code
    workspace.mkdir(exist_ok=True)
    run_quietly(["dvc", "init", "--quiet", "--no-scm"], cwd=workspace)
    run_quietly(["dvc", "config", "core.analytics", "false"], cwd=workspace)
    champion = "'0001'" if linked else "null"
    (workspace / "params.yaml").write_text(f"rate: 0.125\nretrain: {{champion: {champion}}}\n")
    inputs, earlier = ["data"], []
    if linked:
        inputs, earlier = _linked_inputs(folder, workspace, code)
    prefix = "code/" if linked else ""
    for file in (workspace / "dvc.yaml", code / "chain.yaml"):
        file.write_text(dvc_yaml(prefix, inputs, earlier))
    git(code, "init", "--quiet")
    git(code, "add", "--all")
    git(code, "commit", "--quiet", "--message", "the code")
    run_quietly(["dvc", "repro"], cwd=workspace)
    made = Miniature(code, workspace, workspace / "releases" / NAME)
    _release(made, key, inputs)
    return made


def write_cohort(folder: Path, rows: int) -> None:
    """What stands for a folder in PTB-XL's layout."""
    folder.mkdir(exist_ok=True)
    (folder / "ptbxl_database.csv").write_text("".join(f"record {row}\n" for row in range(rows)))


def dvc_yaml(prefix: str, inputs: list[str], earlier: list[str]) -> str:
    """The text of dvc.yaml."""
    tables = "".join(f"\n      - {folder}/ptbxl_database.csv" for folder in inputs)
    weights = "".join(
        f"\n      - {folder}/{file}" for folder in earlier for file in ("model.pt", "learnt.csv")
    )
    return f"""stages:
  ingest:
    cmd: python {prefix}ingest.py {" ".join(inputs)}
    deps:
      - {prefix}ingest.py{tables}
    outs:
      - out/ingest/card.json
      - out/ingest/records.parquet
      - out/ingest/signals.npy
      - out/split/roles.parquet
  train:
    cmd: python {prefix}train.py {" ".join(earlier)}
    deps:
      - {prefix}train.py
      - out/ingest/card.json{weights}
    params:
      - rate
    outs:
      - out/train-baseline/model.pt
      - out/train-baseline/samples.csv
      - out/calibrate-baseline/metrics.json
"""


def _linked_inputs(folder: Path, workspace: Path, code: Path) -> tuple[list[str], list[str]]:
    write_cohort(folder / "cohort", rows=5)
    (workspace / "cohort").symlink_to(folder / "cohort", target_is_directory=True)
    (workspace / "code").symlink_to(code, target_is_directory=True)
    write_cohort(workspace / "batches", rows=0)
    (workspace / "batches" / "ptbxl_database.csv").unlink()
    write_cohort(workspace / "batches" / "0002-b", rows=2)
    run_quietly(["dvc", "remote", "add", "--default", "storage", str(folder / "remote")], cwd=workspace)
    run_quietly(["dvc", "add", "--quiet", "batches/0002-b"], cwd=workspace)
    earlier = workspace / "releases" / "0001"
    earlier.mkdir(parents=True)
    (earlier / "model.pt").write_text("0.25")
    (earlier / "learnt.csv").write_text("ecg_id\n3\n100\n")
    write_manifest(earlier)
    run_quietly(["dvc", "push", "--quiet"], cwd=workspace)
    return ["cohort", "batches/0002-b"], ["releases/0001"]


def _release(made: Miniature, key: Ed25519PrivateKey | None, inputs: list[str]) -> None:
    made.release.mkdir(parents=True)
    for name in STATE:
        (made.release / name).write_bytes((made.workspace / name).read_bytes())
    copies = {"ingest": "card.json", "train-baseline": "model.pt", "calibrate-baseline": "metrics.json"}
    for stage, name in copies.items():
        (made.release / name).write_bytes((made.workspace / "out" / stage / name).read_bytes())
    provenance = {
        "arm": "baseline",
        "stages": ["ingest", "train"],
        "code": {"commit": made.commit, "dirty": False, "address": None},
    }
    (made.release / "provenance.json").write_text(json.dumps(provenance))
    (made.release / "environment.json").write_text(json.dumps(environment()))
    (made.release / "environment.txt").write_text(environment_lock())
    write_listings(made.release, Workspace(made.workspace), "baseline", ReleaseFiles(made.release).champion)
    if any(folder.startswith("batches") for folder in inputs):
        (made.release / "batches").mkdir()
        for file in (made.workspace / "batches").glob("*.dvc"):
            (made.release / "batches" / file.name).write_bytes(file.read_bytes())
    made.release_again(key)
