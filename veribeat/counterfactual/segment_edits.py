"""Edits of short segments: 0.2 s of one lead become those of a donor that beats in the query's rhythm."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from veribeat.counterfactual.edits import Chosen
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.signal.stored_units import from_units, to_units

SEGMENT = 20
"""Samples of a segment."""

FADE = 3
"""Samples at either end of a run of segments over which it fades from the query to the donor."""


@dataclass(frozen=True)
class SegmentEdits:
    """The edits of a query (T, 12) towards an aligned donor (T, 12): T / 20 segments of each lead.

    Edit number 12 k + l is that of segment k of lead l. T is a multiple of SEGMENT. Neighbouring segments of a lead
    that are both chosen are one run; within 3 samples of its ends, it is a mixture of query and donor, so that it has
    no joints.
    """

    query_mv: Signal
    donor_mv: Signal

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """(U,), see `Edits`: all alike, as if nothing faded."""
        count = self.query_mv.size // SEGMENT
        return np.full(count, 1 / count)

    def apply(self, chosen: Chosen) -> Signal:
        """See `Edits`."""
        weights = self._weights(chosen)
        return from_units(to_units(self.query_mv + weights * (self.donor_mv - self.query_mv)))

    def gains(self, gradient: Signal) -> NDArray[np.float64]:
        """See `Edits`."""
        gains = gradient.astype(np.float64) * (self.donor_mv - self.query_mv)
        summed: NDArray[np.float64] = gains.reshape(-1, SEGMENT, gains.shape[1]).sum(axis=1).ravel()
        return summed

    def mask(self, chosen: Chosen) -> Mask:
        """See `Edits`."""
        mask: Mask = self._weights(chosen[None])[0] > 0
        return mask

    def _weights(self, chosen: Chosen) -> Signal:
        """How much of each sample is the donor's, (N, T, 12)."""
        mask = np.repeat(chosen.reshape(len(chosen), -1, self.query_mv.shape[1]), SEGMENT, axis=1)
        # The share of chosen samples around each one: one half at an end of a run, where the fade begins at 0.
        around = uniform_filter1d(mask.astype(np.float32), 2 * FADE + 1, axis=1, mode="nearest")
        weights: Signal = np.clip(2 * around - 1, 0, 1)
        return weights
