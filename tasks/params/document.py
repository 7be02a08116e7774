"""The whole of params.yaml."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from tasks.params.attribute import AttributeParams
from tasks.params.calibrate import CalibrateParams
from tasks.params.cohort import CohortParams
from tasks.params.compare import CompareParams
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.params.delineate import DelineateParams
from tasks.params.donors import DonorsParams
from tasks.params.explain import ExplainParams
from tasks.params.ingest import IngestParams
from tasks.params.prototypes import PrototypesParams
from tasks.params.reading import PARAMS_FILE, Section, parse, read_document
from tasks.params.release import ReleaseParams
from tasks.params.report import ReportParams
from tasks.params.retrain import RetrainParams
from tasks.params.rules import RulesParams
from tasks.params.runner import Runner
from tasks.params.selection import SelectionParams
from tasks.params.simulate import SimulateParams
from tasks.params.split import SplitParams
from tasks.params.train import ArmParams, ComputeParams, PresetParams, TrainParams

# Names become parts of stage names, paths and DVC's dotted keys.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Params(Section):
    """Every knob, grouped by stage."""

    cohort: CohortParams
    simulate: SimulateParams
    ingest: IngestParams
    split: SplitParams
    compute: ComputeParams
    runner: Runner = "local"  # older files have none
    presets: dict[Name, PresetParams] = Field(min_length=1)
    selections: dict[Name, SelectionParams] = Field(min_length=1)
    arms: dict[Name, ArmParams] = Field(min_length=1)
    train: TrainParams
    delineate: DelineateParams
    compare: CompareParams
    calibrate: CalibrateParams
    explain: ExplainParams
    attribute: AttributeParams
    rules: RulesParams
    prototypes: PrototypesParams
    donors: DonorsParams
    counterfactuals: CounterfactualsParams
    report: ReportParams
    retrain: RetrainParams
    release: ReleaseParams

    @model_validator(mode="after")
    def _arms_are_complete(self) -> "Params":
        for name, arm in self.arms.items():
            if arm.preset not in self.presets:
                known = ", ".join(sorted(self.presets))
                raise ValueError(f"'arms.{name}.preset' is '{arm.preset}'; 'presets' has {known}")
            if arm.selection not in self.selections:
                known = ", ".join(sorted(self.selections))
                raise ValueError(f"'arms.{name}.selection' is '{arm.selection}'; 'selections' has {known}")
            if self.selections[arm.selection].like is not None:
                raise ValueError(
                    f"'arms.{name}.selection' is '{arm.selection}', which is made by what another one cost: only"
                    " 'veribeat compare' trains it"
                )
            if arm.selection != "full" and self.presets[arm.preset].patience is not None:
                raise ValueError(
                    f"'arms.{name}' selects records by the epoch, so its run must have a fixed number of them: set"
                    f" 'presets.{arm.preset}.patience' to null"
                )
        for name, selection in self.selections.items():
            if selection.like is not None and (
                selection.like not in self.selections or self.selections[selection.like].like is not None
            ):
                raise ValueError(
                    f"'selections.{name}.like' is '{selection.like}', but it should name a selection"
                    " that stands alone"
                )
        if self.compare.reference not in self.selections or self.selections[self.compare.reference].like:
            raise ValueError(
                f"'compare.reference' is '{self.compare.reference}', but it should name a selection that stands alone"
            )
        if self.explain.arm is not None and self.explain.arm not in self.arms:
            known = ", ".join(sorted(self.arms))
            raise ValueError(f"'explain.arm' is '{self.explain.arm}'; 'arms' has {known}")
        witness = self.explain.witness
        if witness is not None and (witness not in self.arms or witness == self.explain.arm):
            others = ", ".join(sorted(set(self.arms) - {self.explain.arm})) or "there is none"
            raise ValueError(
                f"'explain.witness' is '{witness}', but it should be null or an arm other than 'explain.arm': {others}"
            )
        _check_updates(self)
        return self

    @property
    def judged(self) -> str | None:
        """The arm that an update trains and judges: the first champion's until there is one."""
        if self.retrain.challenger is None:
            return None
        return self.retrain.first if self.retrain.champion is None else self.retrain.challenger

    def is_trainable(self, arm: str) -> bool:
        """Whether what the arm starts from is there."""
        return self.arms[arm].start == "scratch" or self.retrain.champion is not None


def _check_updates(params: Params) -> None:
    retrain, arms = params.retrain, params.arms
    witness = params.explain.witness
    if witness is not None and params.explain.arm is not None and not params.is_trainable(witness):
        raise ValueError(f"'explain.witness' is '{witness}', which starts from a champion, and there is none")
    for name, arm in arms.items():
        if arm.start == "champion" and name != retrain.challenger:
            raise ValueError(f"'arms.{name}.start' is champion, so 'retrain.challenger' should be '{name}'")
    if retrain.challenger is None:
        return
    for key, arm_name in (("challenger", retrain.challenger), ("first", retrain.first)):
        if arm_name not in arms:
            raise ValueError(f"'retrain.{key}' is '{arm_name}'; 'arms' has {', '.join(sorted(arms))}")
    if arms[retrain.first].start != "scratch":
        raise ValueError(f"'retrain.first' is '{retrain.first}', which starts from a champion")
    if arms[retrain.challenger].start == "champion" and (
        arms[retrain.challenger].backbone != arms[retrain.first].backbone
    ):
        raise ValueError(
            f"'arms.{retrain.challenger}' starts from the champion, so its backbone must be that of"
            f" 'arms.{retrain.first}'"
        )
    if params.explain.arm != params.judged:
        raise ValueError(f"'explain.arm' should be '{params.judged}', the arm that the next update judges")
    held_out = {*params.split.test}
    if not {*retrain.judge.reference, *retrain.judge.unseen} <= held_out:
        raise ValueError("'retrain.judge.reference' and '.unseen' should be folds of 'split.test'")


def read_params(path: Path = PARAMS_FILE) -> Params:
    """All of params.yaml; raises InputError naming the first wrong key."""
    return parse(Params, read_document(path), path=path)
