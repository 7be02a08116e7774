"""From the name of a backbone in params.yaml to its network.

Each backbone lives in `models/backbones/NAME.py`; the import inside the branch keeps a stage from loading, and
so from depending on, the backbones that its arm does not use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from veribeat.errors import InputError

if TYPE_CHECKING:  # names are checked by commands that should not wait for torch
    from models.backbones.base import Backbone

NAMES = ("cnn_gru_flow",)


def build_backbone(name: str) -> Backbone:
    """A freshly initialised network from signals in mV (B, 1000, 12) to logits (B, 5).

    Raises InputError for a name that is not in `NAMES`.
    """
    if name == "cnn_gru_flow":
        from models.backbones.cnn_gru_flow import CnnGruFlow

        return CnnGruFlow()
    raise InputError(f"Unknown backbone '{name}': choose one of {', '.join(NAMES)}.")
