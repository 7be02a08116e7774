"""Which stages a release rests on."""

from collections.abc import Iterable

from flows.workspace import Workspace


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
    chain = {stage.name: stage for stage in place.stages()}
    writer = {output: name for name, stage in chain.items() for output in stage.outputs}
    needed, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [writer[path] for path in chain[name].inputs if path in writer]
    return [name for name in chain if name in needed]
