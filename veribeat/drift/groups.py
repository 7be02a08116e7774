"""Devices as groups in which a batch can be compared with the reference, and ranks that make them one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.data.demography import OTHER, clean_device_names
from veribeat.errors import InputError

ALL = "all"


@dataclass(frozen=True)
class Devices:
    """Devices of a batch by what can be said of them, each in alphabetical order.

    `alone` have enough records on both sides; `pooled` have enough in the reference, but few in the batch; `scarce` are
    in the reference with too few records to compare with; `unknown` are not in the reference at all.
    """

    alone: tuple[str, ...]
    pooled: tuple[str, ...]
    scarce: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def comparable(self) -> tuple[str, ...]:
        """Those that the reference has enough records of."""
        return tuple(sorted(self.alone + self.pooled))


def device_names(devices: pd.Series) -> NDArray[np.str_]:
    """Names (N,), spaces put in order as on the data card, "unknown" where there is none.

    Raises:
        InputError: a device is called "all" or "other", which mean something else in a verdict.
    """
    names = clean_device_names(devices.astype("object").where(devices.notna(), "").astype(str))
    taken = sorted(set(names) & {ALL, OTHER})
    if taken:
        raise InputError(
            f"A device is called '{taken[0]}', which stands for several devices here: rename it."
        )
    return names.to_numpy(dtype=np.str_)


def sort_devices(reference: NDArray[np.str_], batch: NDArray[np.str_], smallest: int) -> Devices:
    """The devices of a batch by their records there and in the reference, names (N,) and (M,)."""
    known = dict(zip(*np.unique(reference, return_counts=True), strict=True))
    groups: dict[str, list[str]] = {"alone": [], "pooled": [], "scarce": [], "unknown": []}
    for name, count in zip(*np.unique(batch, return_counts=True), strict=True):
        if name not in known:
            group = "unknown"
        elif known[name] < smallest:
            group = "scarce"
        else:
            group = "alone" if count >= smallest else "pooled"
        groups[group].append(str(name))
    return Devices(**{group: tuple(names) for group, names in groups.items()})


def ranks_within(
    reference: NDArray[np.float64],
    batch: NDArray[np.float64],
    devices: tuple[NDArray[np.str_], NDArray[np.str_]],
    names: Sequence[str],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each value of the devices `names` as its rank (0-1) among the reference's values of its own device.

    Whatever the mix of devices, ranks of the reference are uniform, and so are those of a batch that did not shift
    within a device. Values are not NaN; `devices` are those of the values of reference and batch.
    """
    parts: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
    for name in names:
        own = np.sort(reference[devices[0] == name])
        if not len(own):
            continue
        for values, of_values, ranks in zip((reference, batch), devices, parts, strict=True):
            x = values[of_values == name]
            places = np.searchsorted(own, x, "left") + np.searchsorted(own, x, "right")
            ranks.append(places / (2 * len(own)))
    empty = np.empty(0)
    return np.concatenate((empty, *parts[0])), np.concatenate((empty, *parts[1]))
