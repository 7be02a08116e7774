"""Arms, presets and the numerical settings of a training."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from models.backbones.registry import NAMES
from tasks.params.reading import Section
from veribeat.conventions import RECORD_SAMPLES, SAMPLING_RATE


def _known_backbone(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"unknown backbone '{name}'; choose one of {', '.join(NAMES)}")
    return name


class ArmParams(Section):
    """One way to train, compared with other arms."""

    backbone: Annotated[str, AfterValidator(_known_backbone)]
    preset: str
    selection: str = "full"
    """Which records each epoch trains on: a name in the section `selections`."""
    seed: int = Field(ge=0, lt=2**32)  # what numpy and torch accept

    start: Literal["scratch", "champion"] = "scratch"
    """Where the weights come from: drawn from the seed, or those of the release `retrain.champion`."""

    replay: float = Field(default=1.0, ge=0, le=1)
    """Share of the records that the champion has learnt from which are trained on again, beside all new ones."""

    @model_validator(mode="after")
    def _replay_needs_a_champion(self) -> "ArmParams":
        if self.start == "scratch" and self.replay != 1:
            raise ValueError("'replay' is for arms whose 'start' is champion; from scratch it must be 1.0")
        return self


class PresetParams(Section):
    """A training recipe."""

    max_epochs: int = Field(ge=1)
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a lower validation loss before training stops; None: never."""
    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    """The highest, where the schedule is not constant."""
    schedule: Literal["constant", "one_cycle"] = "constant"
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    batch_size: int = Field(ge=1)
    crop_samples: int | None = Field(default=None, ge=SAMPLING_RATE, le=RECORD_SAMPLES)
    """Length of the random crop of each training record; None: whole records."""
    gradient_clip_norm: float = Field(gt=0, allow_inf_nan=False)
    precision: Literal["float32", "bfloat16"] = "float32"
    judge: Literal["val_loss", "val_f1_macro"] = "val_loss"
    """By what the best epoch is told: the lowest validation loss, or the highest macro-F1 at thresholds of its own."""
    threads: int = Field(default=1, ge=1)
    """Of torch, in training; the bytes of the weights depend on it."""


class TrainParams(Section):
    """How many processes share each batch of a training; Lightning's arguments of the same names."""

    devices: int = Field(ge=1)
    strategy: Literal["auto", "ddp"]


class ComputeParams(Section):
    """Numerical settings of every stage that applies a model."""

    threads: int = Field(ge=1)
