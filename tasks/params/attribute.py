"""Parameters of the stage `attribute`."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.reading import Section


class AttributeParams(Section):
    """How the model's logits are attributed to samples and leads."""

    method: Literal["expected_gradients", "shap"] = "expected_gradients"
    """shap: the same through shap's GradientExplainer, slower; figures of a single query do without it."""

    draws: int = Field(ge=2)
    """Backgrounds per record."""

    replicates: int = Field(ge=2)
    """Equal parts of the draws; their spread gives the Monte-Carlo error."""

    sampling: Literal["stratified", "random"] = "stratified"
    """stratified: positions spread evenly between background and record, backgrounds distinct."""

    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _draws_can_be_made(self) -> "AttributeParams":
        if self.draws % self.replicates:
            raise ValueError(f"'replicates' ({self.replicates}) must divide 'draws' ({self.draws})")
        if self.method == "shap" and self.sampling == "stratified":
            raise ValueError("'method: shap' needs 'sampling: random', as shap draws")
        return self
