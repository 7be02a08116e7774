"""Which stages a release rests on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.workspace import Workspace
from veribeat.errors import InputError

CHAIN_FILE = "dvc.yaml"


@dataclass(frozen=True)
class ChainedStage:
    """What one stage reads and writes, by path in the workspace."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


Chain = Mapping[str, ChainedStage]


def released_stages(place: Workspace, arm: str) -> list[str]:
    """The stages that a release of `arm` rests on, in running order: those that made what goes into it."""
    params = place.params()
    wanted = {f"train-{arm}", f"calibrate-{arm}"}
    if params.judged == arm:
        wanted.add("challenge")
    elif params.explain.arm == arm:
        wanted.add("report")
    return leading_to(place, wanted)


def leading_to(place: Workspace, wanted: Iterable[str]) -> list[str]:
    """The stages of a workspace without which `wanted` cannot run, these included, in running order."""
    return upstream(
        {stage.name: ChainedStage(stage.inputs, stage.outputs) for stage in place.stages()}, wanted
    )


def upstream(chain: Chain, wanted: Iterable[str]) -> list[str]:
    """The stages of `chain` without which `wanted` cannot run, these included, in the chain's order."""
    writer = writers(chain)
    needed, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [writer[path] for path in chain[name].inputs if path in writer]
    return [name for name in chain if name in needed]


def writers(chain: Chain) -> dict[str, str]:
    """Output -> the stage that writes it."""
    return {output: name for name, stage in chain.items() for output in stage.outputs}


def written_chain(folder: Path) -> Chain:
    """The stages of the dvc.yaml in `folder`, in its order; InputError when it is missing or damaged."""
    file = folder / CHAIN_FILE
    try:
        stages = YAML(typ="safe").load(file)["stages"].items()
        return {
            str(name): ChainedStage(*(tuple(map(_path, entry.get(key, ()))) for key in ("deps", "outs")))
            for name, entry in stages
        }
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no {CHAIN_FILE}: restore the release from a backup.") from error
    except (YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged: restore the release from a backup.") from error


def _path(entry: object) -> str:
    """Of a dependency or output, which DVC writes as a path, or as a mapping from the path to settings."""
    return str(next(iter(entry))) if isinstance(entry, dict) else str(entry)
