"""What goes into a counterfactual, and what comes out: the recording to explain, the donors, the changed recording."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.counterfactual.sparse import Mask, Signal
from veribeat.counterfactual.targets import Labels, names_of
from veribeat.errors import InputError
from veribeat.metrics.thresholds import predict_labels
from veribeat.prototypes.store import PrototypeSet
from veribeat.signal.r_peaks import find_r_peaks
from veribeat.signal.stored_units import from_units, to_units


@dataclass(frozen=True)
class Query:
    """A recording to explain: signal (1000, 12) in stored units, what the model says of it, samples of its R-peaks."""

    signal_mv: Signal
    labels: Labels
    probabilities: NDArray[np.float32]
    r_peaks: NDArray[np.integer]


@dataclass(frozen=True)
class WaveChange:
    """What one edit adds to one wave of one lead in every beat.

    Times are from the R-peak, in ms; `mean_mv` is over them, `largest_mv` the value that is farthest from 0.
    """

    wave: str
    lead: str
    start_ms: float
    end_ms: float
    mean_mv: float
    largest_mv: float

    def __str__(self) -> str:
        """Such as "T V2"."""
        return f"{self.wave} {self.lead}"


@dataclass(frozen=True)
class Counterfactual:
    """A changed recording that is to be classified as `target` (5,).

    `prototype` is the index of the donor in the set that the method takes from. `distance` is the DTW distance in mV
    from the query to the donor ([CF] eq. 7) where the method asks for it, else NaN. `signal_mv` (1000, 12) is in
    stored units and `probabilities` (5,) are the model's for just this signal. `mask` (1000, 12) is where it was taken
    from the donor. `note` is empty unless something could not be done.

    Of the methods of [CF]: `keep_ratio`, the share of samples that might be taken; NaN for ours. Of ours: `waves`,
    what was changed in every beat, empty where it was not waves; `margin`, by how many logits the target is reached,
    shifted copies included; `searched`, how many donors were tried, with `forwards` passes.
    """

    method: str
    target: Labels
    prototype: int
    signal_mv: Signal
    mask: Mask
    probabilities: NDArray[np.float32]
    valid: bool
    distance: float = np.nan
    keep_ratio: float = np.nan
    note: str = ""
    waves: tuple[WaveChange, ...] = ()
    margin: float = np.nan
    searched: int = 0
    forwards: int = 0


@dataclass(frozen=True)
class Donors:
    """Records that counterfactuals take from, with the R-peaks of each, which are found when first asked for."""

    records: PrototypeSet
    _peaks: dict[int, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    def peaks(self, index: int) -> NDArray[np.int64]:
        """Samples of the R-peaks of one record; maybe none."""
        if index not in self._peaks:
            self._peaks[index] = find_r_peaks(self.records.signals_mv[index]).samples
        return self._peaks[index]

    def of_target(self, query: Query, target: Labels) -> NDArray[np.int64]:
        """Indices of the records of the target's superclasses, ascending; one at least.

        Raises:
            InputError: the query is already predicted as the target, or no record has a superclass of it.
        """
        names = names_of(target)
        if np.array_equal(target, query.labels):
            raise InputError(
                f"The model already predicts {', '.join(names) or 'no superclass'}; choose another target."
            )
        found = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *map(self.records.of, names)]))
        if not len(found):
            raise InputError(
                f"There is no donor of {', '.join(names) or 'no superclass'}; choose another target."
            )
        return found


def make_query(signal_mv: Signal, r_peaks: NDArray[np.integer], model: BlackBox) -> Query:
    """The query of a recording (1000, 12) in mV, rounded to stored units, as counterfactuals are."""
    signal = from_units(to_units(signal_mv))
    probabilities = model.probabilities(signal[None])[0]
    return Query(signal, predict_labels(probabilities, model.thresholds), probabilities, r_peaks)
