"""dvc.yaml, generated from the registry of stages."""

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML

from flows.code_dependencies import code_files
from tasks.stage_description import Artifact, Stage

HEADER = "# Generated from tasks/stages.py and params.yaml by `veribeat dvc-yaml`; do not edit by hand.\n"


def render(stages: Iterable[Stage], code_prefix: str) -> str:
    """The text of a workspace's dvc.yaml; `code_prefix` leads from the workspace to the code ("" or "code/")."""
    stages = tuple(stages)
    document: dict[str, Any] = {"stages": {stage.name: _stage(stage, code_prefix) for stage in stages}}
    if metrics := [stage.output(file) for stage in stages for file in stage.metrics]:
        document["metrics"] = metrics
    if plots := [_plot(stage) for stage in stages if stage.plots]:
        document["plots"] = [plot for group in plots for plot in group]
    if artifacts := {
        artifact.name: _artifact(stage, artifact) for stage in stages for artifact in stage.artifacts
    }:
        document["artifacts"] = artifacts
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return HEADER + text.getvalue()


def _stage(stage: Stage, code_prefix: str) -> dict[str, Any]:
    code = [f"{code_prefix}{file}" for file in code_files(stage)]
    block: dict[str, Any] = {"cmd": stage.command, "deps": [*code, *stage.inputs]}
    if stage.params:
        block["params"] = list(stage.params)
    block["outs"] = list(stage.outputs)
    return block


def _plot(stage: Stage) -> list[dict[str, Any]]:
    return [
        {stage.output(plot.file): {"x": plot.x, "y": list(plot.y), "title": plot.title}}
        for plot in stage.plots
    ]


def _artifact(stage: Stage, artifact: Artifact) -> dict[str, str]:
    return {"path": stage.output(artifact.file), "type": artifact.type, "desc": artifact.description}
