"""Selection strategies: which records an epoch trains on."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, RootModel, model_validator

from tasks.params.reading import Section


def _epochs_or_share(value: int | float) -> int | float:
    if value < 0 or (isinstance(value, float) and value > 1):
        raise ValueError(
            f"{value!r} is neither a number of epochs, such as 5, nor a share of the run, such as 0.5"
        )
    return value


EpochsOrShare = Annotated[int | float, AfterValidator(_epochs_or_share)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class FullParams(Section):
    """Every record in every epoch."""

    strategy: Literal["full"]
    like: str | None = None
    """In `veribeat compare`: as few epochs as spend the forward-equivalents of this selection, rounded up."""


class RandomParams(Section):
    """As many records per epoch as another strategy trained on, at random."""

    strategy: Literal["random"]
    like: str | None = None
    """In `veribeat compare`: the selection whose sizes are taken."""
    sizes: list[Annotated[int, Field(ge=2)]] | None = None
    """Records per epoch."""

    @model_validator(mode="after")
    def _one_source(self) -> "RandomParams":
        if (self.like is None) == (self.sizes is None):
            raise ValueError("the strategy random takes either 'like' or 'sizes'")
        return self


class InfoBatchParams(Section):
    """Random pruning of well-learnt records, with weights that make up for it."""

    strategy: Literal["infobatch"]
    prune: float = Field(default=0.5, ge=0, lt=1)
    anneal: float = Field(default=0.875, gt=0, le=1)


class PddParams(Section):
    """Progressive Data Dropout, and what filters of [ERTS] share with it."""

    strategy: Literal["pdd", "pdd_random", "pdd_confidence", "quality"]
    warm_up: EpochsOrShare
    """Epochs, or share of the run, that train on all records."""
    delay: EpochsOrShare = 0
    """Epochs, or share of the run, before a filter starts."""
    revision: EpochsOrShare
    """From this epoch, or share of the run, on all records again."""
    confidence: Literal["joint", "mean"]
    threshold: float | None = Field(default=None, gt=0, le=1)
    quantile: float | None = Field(default=None, gt=0, le=1)
    keep: Share = 1.0
    at: Literal["batch", "epoch"] = "batch"
    refresh: int | None = Field(default=1, ge=1)
    train_mode: bool = False

    @model_validator(mode="after")
    def _one_limit(self) -> "PddParams":
        if (self.threshold is None) == (self.quantile is None):
            raise ValueError("a limit of confidence is either 'threshold' or 'quantile'")
        return self


class ErtsParams(PddParams):
    """[ERTS]: a filter by the focus of activation maps."""

    strategy: Literal["erts"]  # type: ignore[assignment]
    cam: Literal["grad_cam", "hires_cam"]
    focus: Literal["topk_mean", "topk_mass", "entropy", "gini", "physio", "beat_coherence", "random"]
    layer: int = Field(default=-1, ge=-3, le=2)
    """Of the backbone's features; -1 is the last."""
    harvest: bool = False
    """Maps from training passes, for nothing, instead of passes of their own."""
    lowest: float | None = Field(default=None, ge=0, le=1)
    lowest_quantile: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _maps_come_from_somewhere(self) -> "ErtsParams":
        if self.lowest is not None and self.lowest_quantile is not None:
            raise ValueError("a limit of focus is either 'lowest' or 'lowest_quantile'")
        if self.refresh is None and not self.harvest:
            raise ValueError("without 'refresh' only training passes can make maps: set 'harvest: true'")
        return self


AnySelection = Annotated[
    FullParams | RandomParams | InfoBatchParams | PddParams | ErtsParams, Field(discriminator="strategy")
]


class SelectionParams(RootModel[AnySelection]):
    """One strategy with its settings."""

    @property
    def strategy(self) -> str:
        """Name of the strategy, and of its module."""
        return self.root.strategy

    @property
    def like(self) -> str | None:
        """Selection whose measured cost or sizes this one is made by; None: it stands alone."""
        return getattr(self.root, "like", None)

    @property
    def needs_beats(self) -> bool:
        """Whether records have to be delineated."""
        return isinstance(self.root, ErtsParams) and self.root.focus in ("physio", "beat_coherence")

    @property
    def settings(self) -> dict[str, object]:
        """What the strategy's class is made with."""
        return self.root.model_dump(exclude={"strategy", "like"}, exclude_none=self.strategy == "random")
