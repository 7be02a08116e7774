"""Arms, presets and the numerical settings of a training."""

from typing import Annotated

from pydantic import AfterValidator, Field

from models.backbones.registry import NAMES
from tasks.params.reading import Section


def _known_backbone(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"unknown backbone '{name}'; choose one of {', '.join(NAMES)}")
    return name


class ArmParams(Section):
    """One way to train, compared with other arms."""

    backbone: Annotated[str, AfterValidator(_known_backbone)]
    preset: str
    seed: int = Field(ge=0, lt=2**32)  # what numpy and torch accept


class PresetParams(Section):
    """A training recipe."""

    max_epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    batch_size: int = Field(ge=1)
    gradient_clip_norm: float = Field(gt=0, allow_inf_nan=False)


class ComputeParams(Section):
    """Numerical settings that the bytes of every model output depend on."""

    threads: int = Field(ge=1)
