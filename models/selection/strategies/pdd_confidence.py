"""Progressive Data Dropout with a filter by confidence alone: [ERTS] without its explanations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.choice import Seen
from models.selection.strategies.pdd import Pdd


class PddConfidence(Pdd):
    """Keeps the share `keep` of each batch's candidates that are the least confident."""

    @override
    def score(self, seen: Seen, random: np.random.Generator) -> NDArray[Any]:
        return 1 - seen.confidence
