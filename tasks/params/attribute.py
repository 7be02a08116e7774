"""Parameters of the stage `attribute`."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.reading import Section
from veribeat.attribution.draws import FEWEST_REPLICATES
from veribeat.attribution.settings import AttributionSettings


class AttributeParams(Section):
    """How the model's logits are attributed to samples and leads."""

    method: Literal["expected_gradients", "shap", "integrated_gradients", "smooth_grad", "grad_cam"] = (
        "expected_gradients"
    )
    """shap: expected gradients through shap's GradientExplainer, slower; figures of a single query do without it."""

    draws: int = Field(ge=2)
    """Backgrounds per record, steps of integrated gradients, or noisy copies; grad_cam takes no notice."""

    replicates: int = Field(ge=2)
    """Equal parts of the draws; their spread gives the Monte-Carlo error."""

    sampling: Literal["stratified", "antithetic", "random"] = "stratified"
    """Of expected gradients. stratified: positions spread evenly between background and record, backgrounds distinct;
    antithetic: these in mirrored pairs."""

    target_error: float | None = Field(default=None, gt=0, lt=1)
    """Relative Monte-Carlo error of every class at which no replicate is added; None: all draws."""

    noise: float = Field(default=0.1, gt=0, le=1)
    """Of smooth_grad: standard deviation, as a share of the record's range."""

    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _draws_can_be_made(self) -> "AttributeParams":
        if self.draws % self.replicates:
            raise ValueError(f"'replicates' ({self.replicates}) must divide 'draws' ({self.draws})")
        if self.method == "shap" and self.sampling != "random":
            raise ValueError("'method: shap' needs 'sampling: random', as shap draws")
        if self.sampling == "antithetic" and self.draws // self.replicates % 2:
            raise ValueError(
                "'sampling: antithetic' needs an even number of draws per replicate: 'draws' over 'replicates' is"
                f" {self.draws // self.replicates}"
            )
        if self.target_error is not None and self.method not in ("expected_gradients", "smooth_grad"):
            raise ValueError(
                f"'target_error' must be null with 'method: {self.method}', whose draws are not added replicate by"
                " replicate"
            )
        if self.target_error is not None and self.replicates < FEWEST_REPLICATES:
            raise ValueError(
                f"'target_error' needs {FEWEST_REPLICATES} 'replicates' or more, not {self.replicates}"
            )
        return self

    def settings(self) -> AttributionSettings:
        """All but the seed."""
        return AttributionSettings(
            self.method, self.draws, self.replicates, self.sampling, self.target_error, self.noise
        )
