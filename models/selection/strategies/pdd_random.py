"""Progressive Data Dropout with a filter that keeps candidates at random: what a filter's size alone does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.selection.choice import Seen
from models.selection.strategies.pdd import Pdd


class PddRandom(Pdd):
    """Keeps the share `keep` of each batch's candidates, whichever."""

    @override
    def score(self, seen: Seen, random: np.random.Generator) -> NDArray[Any]:
        return random.random(len(seen.positions))
