"""Updates of a model: `veribeat retrain`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.params.calibrate import BootstrapParams
from tasks.params.reading import Section
from tasks.params.split import Folds

Loss = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class LimitParams(Section):
    """What a challenger must keep to. None leaves a limit out.

    A loss is by how much the challenger may score below the champion at worst: the lower end of the paired interval of
    the difference must not be below it.
    """

    f1_macro_loss: Loss | None
    auroc_macro_loss: Loss | None
    f1_superclass_loss: Loss | None
    """Of each superclass."""
    auroc_subgroup_loss: Loss | None
    """Macro-AUROC of each subgroup of patients with enough records (`calibrate.smallest_subgroup`)."""
    ece: Loss | None
    """Expected calibration error, at most."""
    counterfactual_validity: Share | None
    """Share of the explained records that have a counterfactual, at least."""
    excluded: Share | None
    """Share of the training records that the selection dropped whenever it could, at most."""


class JudgeParams(Section):
    """On which records a challenger meets the champion, and what it must keep to."""

    reference: Folds
    """Folds whose records decide."""
    unseen: Folds
    """Folds that are reported and decide nothing."""
    explained: int = Field(ge=1)
    """Records of the reference folds whose counterfactuals are counted."""
    bootstrap: BootstrapParams
    limits: LimitParams

    @model_validator(mode="after")
    def _unseen_is_unseen(self) -> "JudgeParams":
        if shared := sorted(set(self.reference) & set(self.unseen)):
            raise ValueError(f"'reference' and 'unseen' both hold fold {shared[0]}; they must be disjoint")
        return self


class DriftParams(Section):
    """When a batch counts as different from the records that the champion has learnt from."""

    reference_records: int = Field(ge=500)
    """Of those, drawn at random, that a batch is compared with."""
    seed: int = Field(ge=0, lt=2**32)
    psi_limit: float = Field(gt=0, allow_inf_nan=False)
    """Population stability index less what chance makes of it, at least."""
    alpha: float = Field(gt=0, lt=1)
    """Largest p-value, corrected for all tests."""
    correction: Literal["holm", "benjamini_hochberg"]
    smallest_group: int = Field(ge=20)
    """Records of a device, on both sides, for it to be compared by itself."""
    unknown_device: int = Field(ge=1)
    """Records of a device that none was learnt from, for it to be a drift of its own."""


class RetrainParams(Section):
    """How the champion is challenged."""

    challenger: str | None
    """Arm that an update trains; None: no updates in this workspace."""
    first: str
    """Arm that is the first champion."""
    champion: str | None = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Release that the challenger begins with and is judged against; updates write it."""
    batches: int | None = Field(ge=1)
    """Taken from the inbox by one update, oldest name first; None: all."""
    most_quarantined: Share
    """Of a batch; beyond it the batch is held back."""
    drift: DriftParams
    judge: JudgeParams
