"""From the name of a backbone in params.yaml to its network: one line per backbone.

Each lives in `models/backbones/NAME.py` and is imported only when asked for, which keeps a stage from loading, and so
from depending on, the backbones that its arm does not use.
"""

from __future__ import annotations

import pkgutil  # noqa: TID251 - see below
from typing import TYPE_CHECKING

from veribeat.errors import InputError

if TYPE_CHECKING:  # names are checked by commands that should not wait for torch
    from models.backbones.base import Backbone

CLASSES = {
    "cnn_gru_flow": "CnnGruFlow",
    "resnet1d": "ResNet1d",
}
NAMES = tuple(CLASSES)


def build_backbone(name: str) -> Backbone:
    """A freshly initialised network from signals in mV (B, 1000, 12) to logits (B, 5).

    Raises InputError for a name that is not in `NAMES`.
    """
    if name not in CLASSES:
        raise InputError(f"Unknown backbone '{name}': choose one of {', '.join(NAMES)}.")
    # The one dynamic import below flows/. dvc.yaml learns of the module from `Stage.chosen`, and a test holds a name
    # to the module of that name.
    network = pkgutil.resolve_name(f"models.backbones.{name}:{CLASSES[name]}")
    backbone: Backbone = network()
    return backbone
