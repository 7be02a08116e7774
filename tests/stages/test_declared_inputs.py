"""What the stages of the explanation chain open below out/ is what the registry declares as their inputs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from explained_cohort import SMALL_CHAIN, make_sources
from ruamel.yaml import YAML

from flows.code_dependencies import CODE_ROOT
from flows.tracking.files import EXPLANATIONS
from tasks.params.document import read_params
from tasks.stage_description import Stage
from tasks.stages import stages
from tasks.workers import WORKERS

NOT_USED = {"attribute": ["out/split/normalisation.json"], "report": ["out/split/normalisation.json"]}
"""What a stage could do without: the files of the arm are declared for all stages alike."""

PROGRAM = """
import importlib, json, os, shutil, sys
import h5py

import tasks.explained
from tasks.params import reading

out, opened = os.path.abspath("out"), []


def note(event, arguments):
    if event == "open" and not isinstance(arguments[0], int):  # the number of a file that is open already
        opened.append(os.path.abspath(os.fsdecode(arguments[0])))


class NotedFile(h5py.File):  # HDF5 opens files in C, without audit events
    def __init__(self, name, *arguments, **options):
        sys.audit("open", str(name), None, 0)
        super().__init__(name, *arguments, **options)


# The key of finished items is of all declared inputs, whether the stage uses them or not.
tasks.explained.resume_key = lambda *arguments: "key"
h5py.File = NotedFile
sys.addaudithook(note)
found = []
for params, module, *sys.argv[1:] in json.loads(sys.argv[1]):
    shutil.copyfile(params, "params.yaml")
    main = importlib.import_module(module).main
    opened.clear()
    reading._sections_read.clear()  # as in a process of its own
    main()
    below = {file for file in opened if file.startswith(out + "/") and os.path.isfile(file)}
    found.append(sorted(map(os.path.relpath, below)))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_stage_opens_what_is_declared_and_all_of_it(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "out")
    for folder in (sources.trained, sources.calibrated):  # the witness's, which may be a copy
        shutil.copytree(folder, folder.with_name(folder.name.replace("baseline", "erts")))
    calls = [("signal", name) for name in EXPLANATIONS] + [("rules", "prototypes")]
    chain = [_stage(tmp_path, cluster_on, name) for cluster_on, name in calls]
    assert "out/rules/rules.parquet" in chain[-1].inputs
    commands = [
        (f"{cluster_on}.yaml", stage.module, *stage.arguments)
        for (cluster_on, _), stage in zip(calls, chain, strict=True)
    ]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=tmp_path,
        env={**os.environ, WORKERS: "1", "PYTHONPATH": str(CODE_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for stage, opened in zip(chain, json.loads(run.stdout), strict=True):
        assert sorted(opened + NOT_USED.get(stage.name, [])) == sorted(stage.inputs), stage.name


def _stage(workspace: Path, cluster_on: str, name: str) -> Stage:
    """A stage as the registry declares it for the parameters that are written to CLUSTER_ON.yaml."""
    params = YAML(typ="safe").load(CODE_ROOT / "params.yaml")
    for section, changes in SMALL_CHAIN.items():
        params[section] |= changes
    params["prototypes"]["cluster_on"] = cluster_on
    YAML().dump(params, workspace / f"{cluster_on}.yaml")
    declared = stages(read_params(workspace / f"{cluster_on}.yaml"))
    (found,) = [stage for stage in declared if stage.name == name]
    return found
