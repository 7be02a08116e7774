"""Parameters of the stage `rules`."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.params.reading import Section


class RulesParams(Section):
    """How PHAR turns attributions into interval rules."""

    percentile: float = Field(ge=0, lt=100)
    """Of |attribution| over all predicted classes of the pool; features from there on are important ([CF] eq. 2)."""

    interval: Literal["box", "hull"] = "box"
    """box: the widest common scale at which every perturbed record keeps its labels; hull: [CF] 3.1.1 as written."""

    perturbation: Literal["uniform", "gaussian"] = "uniform"
    """uniform: within one standard deviation of each feature ([CF] eq. 4); gaussian: [CF] 4.6.1."""

    samples: int = Field(ge=1)
    """Perturbed records per draw."""

    sigma_folds: list[int] | None = None
    """Of the features' standard deviations; None: the training folds."""

    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _a_box_is_bounded(self) -> "RulesParams":
        if self.interval == "box" and self.perturbation == "gaussian":
            raise ValueError("'interval: box' needs 'perturbation: uniform'; gaussian noise has no bounds")
        return self
