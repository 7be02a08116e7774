"""What a stage is, to those who run it: names of its module, inputs, parameters and outputs."""

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Stage:
    """One process: `python -m MODULE ARGUMENTS`, run in the workspace.

    `inputs` and the outputs are paths in the workspace, `params` keys of params.yaml. `chosen` names the modules
    behind a registry such as `models.backbones.registry` that this stage's parameters select.
    """

    name: str
    module: str
    inputs: tuple[str, ...]
    params: tuple[str, ...]
    files: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple["Plot", ...] = ()
    chosen: tuple[str, ...] = ()
    artifacts: tuple["Artifact", ...] = ()

    @property
    def folder(self) -> PurePosixPath:
        """Where the stage's outputs are, in the workspace."""
        return PurePosixPath("out") / self.name

    @property
    def command(self) -> str:
        """The shell command that DVC runs."""
        return shlex.join(("python", "-m", self.module, *self.arguments))

    def output(self, file: str) -> str:
        """Path of one of this stage's outputs in the workspace."""
        return str(self.folder / file)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Paths of everything that the stage writes."""
        return tuple(map(self.output, (*self.files, *self.metrics, *(plot.file for plot in self.plots))))


@dataclass(frozen=True)
class Plot:
    """A table that `dvc plots show` draws."""

    file: str
    x: str
    y: tuple[str, ...]
    title: str


@dataclass(frozen=True)
class Artifact:
    """An output that others may want by name: `dvc artifacts get`."""

    name: str
    file: str
    type: str
    description: str
