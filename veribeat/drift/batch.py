"""A batch of new records against those learnt from: which quantity has moved, on which device, and how much.

A difference counts when it is unlikely by chance, after all tests of the batch, and large: among thousands of records
any difference is certain. Measurements are compared device by device, because devices differ, and what looks like a
change of hearts may be one of devices; how many records come from which device is compared on its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, false_discovery_control, fisher_exact, ks_2samp

from veribeat.drift.psi import quantile_bins, stability_index
from veribeat.errors import InputError

ALL, OTHER = "all", "other"
"""Instead of a device: every record; those of devices with too few records to be compared alone."""

COLUMNS = ("feature", "device", "n_reference", "n_batch", "psi", "statistic", "p", "p_adjusted", "drifted")


@dataclass(frozen=True)
class DriftSettings:
    """When a difference counts."""

    psi: float
    """Least population stability index."""
    level: float
    """Largest p-value (0-1), after correction."""
    correction: Literal["holm", "benjamini_hochberg"]
    """holm: of all tests of a batch without any difference, one in 1 / `level` batches has a false alarm;
    benjamini_hochberg: of the alarms, that share is false."""
    smallest_group: int
    """Records that a device needs, in the batch and before, to be compared by itself."""


def judge_batch(reference: pd.DataFrame, batch: pd.DataFrame, settings: DriftSettings) -> pd.DataFrame:
    """A row per test, with COLUMNS, in the order in which the columns of the tables come.

    Args:
        reference: a row per record learnt from: device; superclasses and other booleans, whose shares are compared over
            all records; and numbers, which are compared by device. Not a number means not measured: left out.
        batch: the same columns.
        settings: when a difference counts.

    Returns:
        feature; device, ALL or OTHER; records on either side; psi; the statistic of the test (Kolmogorov-Smirnov for
        numbers, chi-square for the mix of devices, difference of shares for booleans) and its p-value, raw and
        corrected; drifted.

    Raises:
        InputError: other columns, or no record.
    """
    if set(reference.columns) != set(batch.columns) or "device" not in reference.columns:
        raise InputError("Records learnt from and new ones have other columns: measure both alike.")
    if not len(reference) or not len(batch):
        raise InputError("There is no record to compare.")
    rows = [_device_mix(reference, batch), *_new_devices(reference, batch)]
    for feature in reference.columns.drop("device"):
        if reference[feature].dtype == bool:
            rows.append(_share(feature, reference[feature].to_numpy(), batch[feature].to_numpy()))
        else:
            rows += _by_device(feature, reference, batch, settings.smallest_group)
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-2]))
    table["p_adjusted"] = _corrected(table["p"].to_numpy(dtype=np.float64), settings.correction)
    table["drifted"] = (table["p_adjusted"] <= settings.level) & (table["psi"] >= settings.psi)
    return table


Row = tuple[str, str, int, int, float, float, float]


def _device_mix(reference: pd.DataFrame, batch: pd.DataFrame) -> Row:
    names = sorted({*reference["device"], *batch["device"]})
    old, new = (
        np.array([(table["device"] == name).sum() for name in names], dtype=np.int64)
        for table in (reference, batch)
    )
    statistic, p = (0.0, 1.0) if len(names) == 1 else chi2_contingency(np.array([old, new]))[:2]
    return "device", ALL, len(reference), len(batch), stability_index(old, new), float(statistic), float(p)


def _new_devices(reference: pd.DataFrame, batch: pd.DataFrame) -> Iterator[Row]:
    for name in sorted(set(batch["device"]) - set(reference["device"])):
        old, new = ((table["device"] == name).to_numpy() for table in (reference, batch))
        yield "new device", name, *_share("", old, new)[2:]


def _share(feature: str, reference: NDArray[np.bool_], batch: NDArray[np.bool_]) -> Row:
    old, new = (np.array([len(x) - x.sum(), x.sum()]) for x in (reference, batch))
    psi = stability_index(old, new)
    difference = float(batch.mean() - reference.mean())
    return feature, ALL, len(reference), len(batch), psi, difference, float(fisher_exact([old, new]).pvalue)


def _by_device(feature: str, reference: pd.DataFrame, batch: pd.DataFrame, smallest: int) -> Iterator[Row]:
    old, new = (table[["device", feature]].dropna() for table in (reference, batch))
    alone = [
        name
        for name in sorted(set(new["device"]))
        if min((old["device"] == name).sum(), (new["device"] == name).sum()) >= smallest
    ]
    groups = {name: (old["device"] == name, new["device"] == name) for name in alone}
    groups[OTHER] = (~old["device"].isin(alone), ~new["device"].isin(alone))
    for name, (of_old, of_new) in groups.items():
        x, y = old.loc[of_old, feature].to_numpy(), new.loc[of_new, feature].to_numpy()
        if min(len(x), len(y)) < smallest:
            continue
        test, psi = ks_2samp(x, y), stability_index(*quantile_bins(x, y))
        yield feature, name, len(x), len(y), psi, float(test.statistic), float(test.pvalue)


def _corrected(p: NDArray[np.float64], correction: str) -> NDArray[np.float64]:
    if correction == "benjamini_hochberg":
        return np.asarray(false_discovery_control(p, method="bh"), dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1)
    return adjusted
