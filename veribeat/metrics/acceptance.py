"""Whether a new model may take the place of the one in use: limits, one by one, with what was measured.

A limit on a loss is one of non-inferiority: the lower end of the paired interval of the difference, challenger minus
champion, must not lie below minus the loss. So too few records to be sure are a reason to keep the champion.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError
from veribeat.metrics.bootstrap import Bootstrap
from veribeat.metrics.paired import SeedScores, paired_difference, resampled_scores

COMPARED = {
    "f1_macro": "calibrated",
    "auroc_macro": "ranking",
    **{f"f1_by_class.{name}": "calibrated" for name in SUPERCLASSES},
    "hamming_loss": "calibrated",
    "ece": "calibration",
}
"""Metrics of a set of records that are reported for both models -> their block of `evaluate`."""


@dataclass(frozen=True)
class Verdict:
    """One limit: what it is about, what was measured, and whether it is kept.

    `difference` is challenger minus champion with the ends of its interval; NaN where nothing is compared. `bound` is
    what the lower end, or else the challenger's value, is held against; `kept` is false where it cannot be measured.
    """

    limit: str
    scope: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    bound: float
    kept: bool


@dataclass(frozen=True)
class Judged:
    """Predictions of one model on a set of records: probabilities (N, 5) and its thresholds (5,)."""

    probabilities: NDArray[np.floating]
    thresholds: NDArray[np.floating]


@dataclass(frozen=True)
class Compared:
    """Scores of both models on the same records and draws of patients; no champion where there is none yet."""

    challenger: SeedScores
    champion: SeedScores | None

    @classmethod
    def on(
        cls,
        challenger: Judged,
        champion: Judged | None,
        targets: ArrayLike,
        patients: ArrayLike,
        bootstrap: Bootstrap,
    ) -> "Compared":
        """Score both on the records with `targets` (N, 5) of `patients` (N,); InputError where there are none."""

        def scores(model: Judged) -> SeedScores:
            return resampled_scores([model.probabilities], [model.thresholds], targets, patients, bootstrap)

        return cls(scores(challenger), None if champion is None else scores(champion))

    def table(self, level: float) -> pd.DataFrame:
        """A row per metric of COMPARED: metric, champion, challenger, difference, low, high; NaN where undefined."""
        rows = []
        pairs: dict[tuple[str, str], list[float]] = {}
        if self.champion is not None:
            for block, metric, *ends, _ in paired_difference(
                self.challenger, self.champion, level
            ).itertuples(index=False, name=None):
                pairs[block, metric] = ends
        for metric, block in COMPARED.items():
            key = (block, metric)
            of_champion = np.nan if self.champion is None else float(self.champion.estimates[key][0])
            value = float(self.challenger.estimates[key][0])
            rows.append((metric, of_champion, value, *pairs.get(key, [np.nan] * 3)))
        return pd.DataFrame(rows, columns=["metric", "champion", "challenger", "difference", "low", "high"])


def no_worse(limit: str, scope: str, compared: pd.DataFrame, metric: str, loss: float) -> Verdict:
    """Whether the challenger's `metric`, a row of `Compared.table`, is at worst `loss` below the champion's."""
    columns = ["champion", "challenger", "difference", "low", "high"]
    found = compared.loc[compared["metric"] == metric, columns].to_numpy(dtype=np.float64)
    if len(found) != 1:
        raise InputError(f"There is no metric '{metric}' to hold against the limit '{limit}'.")
    champion, challenger, difference, low, high = found[0].tolist()
    kept = low >= -loss  # NaN is not
    return Verdict(limit, scope, champion, challenger, difference, low, high, -loss, kept)


def at_most(limit: str, value: float, bound: float) -> Verdict:
    """Whether the challenger's value is not above `bound`."""
    return Verdict(limit, "all", np.nan, value, np.nan, np.nan, np.nan, bound, bool(value <= bound))


def at_least(limit: str, value: float, bound: float) -> Verdict:
    """Whether the challenger's value is not below `bound`."""
    return Verdict(limit, "all", np.nan, value, np.nan, np.nan, np.nan, bound, bool(value >= bound))


def acceptance_table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """A row per limit, with the fields of `Verdict` as columns."""
    return pd.DataFrame([asdict(verdict) for verdict in verdicts], columns=list(Verdict.__annotations__))
