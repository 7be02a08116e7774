"""Progressive Data Dropout with a filter by the quality of the signal: what needs no model to be told."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from models.batches import StoredSignals
from models.selection.choice import Seen
from models.selection.strategies.pdd import Pdd
from veribeat.conventions import UNITS_PER_MV
from veribeat.signal.kurtosis_sqi import kurtosis_sqi

RECORDS_AT_A_TIME = 256


class Quality(Pdd):
    """Keeps the share `keep` of each batch's candidates with the best signals, by the kurtosis of whole records."""

    quality: NDArray[np.float64]

    @override
    def look_at(self, train: StoredSignals) -> None:
        parts = np.array_split(train.rows, -(-len(train.rows) // RECORDS_AT_A_TIME))
        self.quality = np.concatenate(
            [kurtosis_sqi(np.asarray(train.signals[rows], dtype=np.float64) / UNITS_PER_MV) for rows in parts]
        )

    @override
    def score(self, seen: Seen, random: np.random.Generator) -> NDArray[Any]:
        quality: NDArray[Any] = self.quality[seen.positions]
        return quality
