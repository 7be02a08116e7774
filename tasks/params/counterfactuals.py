"""Parameters of the stage `counterfactuals`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tasks.params.reading import Section

Share = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1)]


Method = Literal["original", "sparse", "aligned_sparse", "beat_sparse", "wave_sparse"]


class SparseParams(Section):
    """The search for few changes ([CF] 3.3.2)."""

    keep_ratios: Annotated[list[Share], Field(min_length=1)]
    """Shares of all points, most important first, that may come from the prototype."""

    shortest_segment: int = Field(ge=1)
    """Samples; shorter runs of changed samples are undone."""

    r_peak_radius: int = Field(ge=0)
    """Samples on either side of an R-peak whose importance is multiplied."""

    r_peak_weight: float = Field(ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _ratios_rise_to_one(self) -> "SparseParams":
        if sorted(set(self.keep_ratios)) != self.keep_ratios or self.keep_ratios[-1] != 1:
            raise ValueError("'keep_ratios' must rise and end with 1.0")
        return self


class EditsParams(Section):
    """The search for few edits by our methods (`veribeat.counterfactual.search`)."""

    margin: float = Field(ge=0, allow_inf_nan=False)
    """Logits by which the target is to be reached, shifted copies included."""

    donors: int = Field(ge=1)
    """Begun with; more only where none of these reaches the target."""

    refined: int = Field(ge=1)
    """Of these, the sparsest, which are finished."""

    path_points: int = Field(ge=1)
    """Gradients along the path from query to donor."""

    lengths: int = Field(ge=2)
    """Beginnings of an order that are tried at a time."""

    passes: int = Field(ge=0)
    """Times that what was found is put in a new order and shortened."""

    rounds: int = Field(ge=0)
    """Times that edits are taken away again."""

    eliminated: int = Field(ge=1)
    """Edits that a round asks about: those that came last."""


class QualityWeights(Section):
    """Of the composite quality Q ([CF] 5.5)."""

    validity: Weight
    sparsity: Weight
    stability: Weight
    margin: Weight

    @model_validator(mode="after")
    def _sum_to_one(self) -> "QualityWeights":
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights must sum to 1, not to {total:g}")
        return self


class CounterfactualsParams(Section):
    """How counterfactuals are searched for and judged."""

    methods: Annotated[list[Method], Field(min_length=1)]
    """Which to make for every query and target."""

    sparse: SparseParams
    beat_sparse: EditsParams
    wave_sparse: EditsParams
    changed_share_of_sigma: float = Field(gt=0, lt=1)
    """A point counts as changed beyond this share of the training folds' standard deviation ([CF] eq. 16)."""

    noise_levels: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Standard deviations of added noise, as shares of the counterfactual's own ([CF] eq. 20)."""

    noise_draws: int = Field(ge=1)
    """Per level."""

    quality: QualityWeights
    seed: int = Field(ge=0)

    @field_validator("methods")
    @classmethod
    def _methods_are_distinct(cls, methods: list[Method]) -> list[Method]:
        if len(set(methods)) < len(methods):
            raise ValueError("'methods' must be distinct")
        return methods
