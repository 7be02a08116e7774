"""From the name of a strategy in params.yaml to what it does: one line per strategy.

Each lives in `models/selection/strategies/NAME.py` and is imported only when asked for, as backbones are, so that a
stage does not depend on the strategies that its arm does not use.
"""

from __future__ import annotations

import pkgutil  # noqa: TID251 - see models/backbones/registry.py
from typing import TYPE_CHECKING, Any

from veribeat.errors import InputError

if TYPE_CHECKING:
    from models.selection.strategy import Strategy

CLASSES = {
    "full": "Full",
    "random": "Random",
    "pdd": "Pdd",
    "pdd_random": "PddRandom",
    "pdd_confidence": "PddConfidence",
    "quality": "Quality",
    "infobatch": "InfoBatch",
    "erts": "Erts",
}
NAMES = tuple(CLASSES)


def build_strategy(name: str, **settings: Any) -> Strategy:
    """The strategy `name` with its settings, the fields of its class.

    Raises InputError for a name that is not in `NAMES`.
    """
    if name not in CLASSES:
        raise InputError(f"Unknown selection strategy '{name}': choose one of {', '.join(NAMES)}.")
    strategy: Strategy = pkgutil.resolve_name(f"models.selection.strategies.{name}:{CLASSES[name]}")(
        **settings
    )
    return strategy
