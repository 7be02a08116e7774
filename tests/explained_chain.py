"""The explanation chain on the small cohort of `explained_cohort`, stage by stage."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from explained_cohort import SMALL_CHAIN, make_sources

from flows.code_dependencies import CODE_ROOT
from tasks import attribute, counterfactuals, donors, prototypes, report, rules
from tasks.explained import Explained
from tasks.params.document import Params, read_params
from tasks.workers import WORKERS

STAGES = ("attribute", "rules", "prototypes", "donors", "counterfactuals", "report")


@dataclass(frozen=True)
class Chain:
    """A folder with the outputs of the chain's stages, and what they were made from."""

    folder: Path
    explained: Explained
    params: Params

    def run(self, stage: str, out: Path, resume: Path) -> None:
        """Run one stage into `out`."""
        out.mkdir(parents=True)
        params, folder = self.params, self.folder
        calls: dict[str, Callable[[], None]] = {
            "attribute": lambda: attribute.attribute(out, self.explained, params.attribute, resume),
            "rules": lambda: rules.rules(out, self.explained, folder / "attribute", params.rules, resume),
            "prototypes": lambda: prototypes.prototypes(out, self.explained, params.prototypes, None, resume),
            "counterfactuals": lambda: counterfactuals.counterfactuals(
                out,
                self.explained,
                folder,
                params.counterfactuals,
                resume,
                self.explained.sources,
            ),
            "donors": lambda: donors.donors(out, self.explained, params.donors),
            "report": lambda: report.report(
                out, self.explained, folder, params.report, params.attribute, simulated=False
            ),
        }
        calls[stage]()


def make_chain(folder: Path) -> Chain:
    """Run the whole chain in `folder`, with one worker; its files of results stay there as STAGE.resume."""
    read = read_params(CODE_ROOT / "params.yaml")
    updates = {}
    for name, change in SMALL_CHAIN.items():
        section = getattr(read, name)
        updates[name] = type(section).model_validate({**section.model_dump(), **change})
    params = read.model_copy(update=updates)
    made = Chain(folder / "out", Explained.load(make_sources(folder / "arm")), params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        for stage in STAGES:
            made.run(stage, made.folder / stage, folder / f"{stage}.resume")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
