"""A copy of the code as a workspace of its own, small enough to run the whole pipeline in a test."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = (
    "flows",
    "tasks",
    "models",
    "veribeat",
    "constraints.txt",
    "params.yaml",
    "pyproject.toml",
    ".dvcignore",
)
SMALL = (
    "simulate.records=160",
    "presets.short.max_epochs=2",
    "ingest.max_quarantined=0.5",
    # one arm, so that a run trains once; the tests of several add them
    "arms={baseline: {backbone: cnn_gru_flow, preset: short, selection: full, seed: 1}}",
    "explain.witness=null",
    "explain.arm=null",  # the chain triples the time of a run; `EXPLAINED` brings it back
)
EXPLAINED = (
    "explain.arm=baseline",
    "attribute.draws=4",
    "attribute.replicates=2",
    "rules.samples=10",
    "prototypes.dimensions=[2]",
    "prototypes.clusters=[2]",
    "counterfactuals.noise_draws=1",
)


@dataclass(frozen=True)
class Checkout:
    """A checkout in `path`; commands run there, on its own code."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> "Checkout":
        """Copy the code, make it a DVC project and shrink the simulated cohort."""
        for name in CODE:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, path / name)  # with what Python and numba have compiled
            else:
                path.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, path / name)
        checkout = cls(path)
        checkout.run("dvc", "init", "--quiet", "--no-scm")
        assignments = [option for assignment in SMALL for option in ("--set", assignment)]
        checkout.veribeat("dvc-yaml")
        checkout.set_params(*assignments)
        return checkout

    def set_params(self, *assignments: str) -> None:
        """Edit params.yaml through the workspace's own editor."""
        values = [value for value in assignments if value != "--set"]
        code = (
            "import sys; from pathlib import Path; from flows.workspace import Workspace\n"
            "place = Workspace.at(Path())\n"
            "place.set_params(sys.argv[1:])\n"
            "place.write_dvc_yaml()"
        )
        self.run(sys.executable, "-c", code, *values)

    @property
    def environment(self) -> dict[str, str]:
        """The test's environment with the running interpreter first on PATH, and without servers of the user's."""
        tools = str(Path(sys.executable).parent)
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PREFECT_", "MLFLOW_"))
            },
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "COLUMNS": "200",
        }

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its output."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert not check or done.returncode == 0, (
            f"{command} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        return done

    def veribeat(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `veribeat` command of this checkout."""
        return self.run(sys.executable, "-m", "flows", *arguments, check=check)

    def repro(self, *arguments: str) -> list[str]:
        """`dvc repro`; returns the stages whose command ran."""
        return _stages_run(self.run("dvc", "repro", *arguments).stdout)

    def flow(self) -> list[str]:
        """`veribeat run`; returns the stages whose command ran, and checks that all others ended as `Cached`."""
        done = self.veribeat("run")
        output = done.stdout + done.stderr
        ran = _stages_run(output)
        assert output.count("Finished in state Cached") == len(self.stages()) - len(ran), output
        return ran

    def stages(self) -> list[str]:
        """Names of the stages, in the order of dvc.yaml."""
        return list(yaml.safe_load((self.path / "dvc.yaml").read_text())["stages"])

    def task_runs(self) -> list[tuple[str, str]]:
        """Name and state of every task run in Prefect's database, in the order of their start."""
        with closing(sqlite3.connect(self.path / ".prefect" / "prefect.db")) as database:
            rows = database.execute("SELECT name, state_name FROM task_run ORDER BY start_time").fetchall()
        return [(str(name), str(state)) for name, state in rows]

    def lock(self) -> str:
        """The text of dvc.lock."""
        return (self.path / "dvc.lock").read_text()

    def output_hashes(self) -> dict[str, str]:
        """MD5 of every output, by path, as dvc.lock records them."""
        stages = yaml.safe_load(self.lock())["stages"].values()
        return {output["path"]: output["md5"] for stage in stages for output in stage["outs"]}

    def metrics(self) -> dict[str, object]:
        """metrics.json of the arm `baseline`."""
        content: dict[str, object] = json.loads(
            (self.path / "out/calibrate-baseline/metrics.json").read_text()
        )
        return content


def _stages_run(output: str) -> list[str]:
    mark = "Running stage '"
    return [line.split(mark)[1].split("'")[0] for line in output.splitlines() if mark in line]
