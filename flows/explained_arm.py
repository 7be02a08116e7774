"""Which arm of a workspace is explained, the files that this takes, and what is loaded from them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flows.workspace import Workspace
from models.attribution import without_shap
from models.explanation import AttributionPlan, ExplanationSettings
from tasks.counterfactual_settings import measure_settings, read_sources, search_settings, witness_of
from tasks.explained import Explained, Sources
from tasks.params.document import Params
from tasks.real_ranges import RANGES, read_ranges
from tasks.workers import most_workers
from veribeat.black_box import BlackBox
from veribeat.counterfactual.evaluation import RealRecords
from veribeat.counterfactual.methods import DonorSets
from veribeat.errors import InputError

FILE_SEED = 0
"""Stands for the ecg_id of a record that has none, where draws are seeded by it."""


def explained_arm(place: Workspace) -> tuple[str, Sources]:
    """The arm whose predictions are explained, and where its files are.

    Raises InputError when params.yaml names no arm, or a file is missing.
    """
    params = place.params()
    arm = params.explain.arm
    if arm is None:
        raise InputError(
            f"{place.params_file}: 'explain.arm' names no arm: set it to one, then run 'veribeat run'."
        )
    sources = Sources.of_arm(arm, params.compute.threads, place.path / "out")
    require(sources.files)
    return arm, sources


def require(files: Iterable[Path]) -> None:
    """Raise InputError when an output of the pipeline is missing."""
    for file in files:
        if not file.is_file():
            raise InputError(f"There is no {file}: run 'veribeat run' first.")


@dataclass(frozen=True)
class ExplainedArm:
    """The arm that a workspace explains, with all that an explanation takes, loaded."""

    arm: str
    params: Params
    explained: Explained
    sources: DonorSets
    """Prototypes and donors."""
    real: RealRecords
    """What real records look like."""
    witness: BlackBox | None
    """Another arm, which is asked what it sees in each counterfactual."""

    @classmethod
    def load(cls, place: Workspace) -> "ExplainedArm":
        """That of the workspace; raises InputError when params.yaml names no arm, or a file is missing."""
        arm, sources = explained_arm(place)
        chain = place.path / "out"
        ranges = chain / "donors" / RANGES
        require([chain / "prototypes" / "prototypes.h5", chain / "donors" / "donors.h5", ranges])
        explained = Explained.load(sources)
        real = RealRecords(*read_ranges(ranges), of_target=None)
        params = place.params()
        witness = None
        if (name := params.explain.witness) is not None:
            files = Sources.of_arm(name, params.compute.threads, chain)
            require(files.of_classifier)
            witness = witness_of(files)
        return cls(arm, params, explained, read_sources(chain, explained), real, witness)

    @property
    def simulated(self) -> bool:
        """Whether its records are simulated."""
        return self.params.cohort.simulated

    def settings(self, ecg_id: int | None = None) -> ExplanationSettings:
        """How a record is explained: as by the stage `counterfactuals`, where `ecg_id` names one of the cohort."""
        params = self.params.counterfactuals
        return ExplanationSettings(
            replace(search_settings(params), workers=most_workers()),
            measure_settings(params, self.explained),
            self.real,
            (params.seed, FILE_SEED if ecg_id is None else ecg_id),
        )

    def plan(self, ecg_id: int | None = None) -> AttributionPlan:
        """The attributions that the stage `attribute` makes of this record."""
        params = self.params.attribute
        return AttributionPlan(
            self.explained.signals_mv(self.explained.rows("background")),
            without_shap(params.settings()),
            (params.seed, FILE_SEED if ecg_id is None else ecg_id),
        )
