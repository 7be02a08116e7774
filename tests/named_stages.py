"""Stages of the registry by name."""

from tasks.params.document import Params
from tasks.stage_description import Stage
from tasks.stages import stages


def stage_named(params: Params, name: str) -> Stage:
    """The only stage of that name."""
    (found,) = [stage for stage in stages(params) if stage.name == name]
    return found
