"""[ERTS]: Progressive Data Dropout that keeps the candidates whose activation maps are focused."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.cam import Kind
from models.selection.choice import Seen
from models.selection.state import SampleState
from models.selection.strategies.pdd import Pdd
from models.selection.strategy import Focus, Mapping


class Erts(Pdd):
    """Keeps the share `keep` of each batch's candidates with the highest (1 - confidence) x focus.

    Args:
        cam: grad_cam | hires_cam.
        focus: see `models.selection.focus` and `models.selection.beat_focus`.
        layer: of the backbone's features, -1 the last.
        harvest: maps from training passes, see `models.selection.strategy.Mapping`.
        lowest: focus below which a candidate is dropped however it ranks; None: no such limit.
        lowest_quantile: the same, as a quantile of all latest focus scores before the epoch.
        settings: of `Pdd`.
    """

    def __init__(
        self,
        *,
        cam: Kind,
        focus: Focus,
        layer: int = -1,
        harvest: bool = False,
        lowest: float | None = None,
        lowest_quantile: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.mapping = Mapping(cam, focus, layer, harvest)
        self.lowest = lowest
        self.lowest_quantile = lowest_quantile

    @override
    def begin(self, epoch: int, epochs: int, state: SampleState, random: np.random.Generator) -> None:
        super().begin(epoch, epochs, state, random)
        if self.lowest_quantile is not None:
            known = state.focus[~state.focus.isnan()].numpy()
            self.lowest = float(np.quantile(known, self.lowest_quantile)) if len(known) else None

    @override
    def score(self, seen: Seen, random: np.random.Generator) -> NDArray[Any]:
        return (1 - seen.confidence) * seen.focus

    @override
    def lowest_focus(self) -> float | None:
        return self.lowest
