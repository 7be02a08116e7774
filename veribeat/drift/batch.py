"""The verdict on a batch of new records: which quantity drifted, on which device, by how much.

Drifted is what is both larger than chance and large: p, corrected for all tests of the batch, at most `alpha`, AND a
PSI above `psi_limit` after what chance alone makes of so many records is taken off. With thousands of records any
difference is significant, and with a few dozen any PSI is large.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.data.demography import OTHER
from veribeat.drift.groups import ALL, Devices, device_names, ranks_within, sort_devices
from veribeat.drift.psi import BINS, TAIL, category_counts, psi_by_chance, psi_of_counts, quantile_bins
from veribeat.drift.significance import Correction, adjusted, category_test, ks_test
from veribeat.errors import InputError

DEVICE: Final = "device"
PATIENT: Final = "patient_id"

Kind = Literal["number", "label", "category", "missing"]
Pair = tuple[pd.Series, pd.Series]
Values = tuple[NDArray, NDArray]
"""Of the reference (N,), and of the batch (M,)."""
Names = tuple[NDArray[np.str_], NDArray[np.str_]]


@dataclass(frozen=True)
class DriftSettings:
    """When a batch has drifted.

    `alpha` for p after `correction`, `psi_limit` for PSI less chance. A group of fewer than `smallest_group` records,
    on either side, is not judged. A device that the reference lacks is a verdict from `unknown_device` records on.
    `bins` and `tail` as in `psi.quantile_bins`.
    """

    alpha: float = 0.01
    psi_limit: float = 0.2
    correction: Correction = "holm"
    smallest_group: int = 100
    unknown_device: int = 10
    bins: int = BINS
    tail: float = TAIL


@dataclass
class _Row:
    feature: str
    kind: Kind
    device: str
    n_reference: int
    n_batch: int
    psi: float = float("nan")
    psi_by_chance: float = float("nan")
    statistic: float = float("nan")
    p: float = float("nan")
    p_adjusted: float = field(default=float("nan"), init=False)
    drifted: bool = False
    note: str = ""


def judge_batch(
    reference: pd.DataFrame, batch: pd.DataFrame, settings: DriftSettings | None = None
) -> pd.DataFrame:
    """Compare a batch with the reference, feature by feature and device by device.

    Both tables have a row per record and the same columns, in any order: `device` with names, and features, which are
    judged by type: boolean a label, numeric a number (NaN is missing), anything else a category (nothing missing).

    A device with enough records on both sides stands alone; those with few in the batch are pooled as "other". Numbers
    are pooled by their ranks within their device's reference, there and over all devices ("all"), so a different mix of
    devices moves neither; labels and categories have no ranks, so their "all" is the plain prevalence, which the mix
    moves, too, and no "other". The mix is a feature itself.

    The tests take records for independent, which those of one patient are not. So where both tables have a column
    `patient_id`, only the first record of each patient on each device counts, in everything below. Without it, drift is
    found more often where there is none (`benchmarks/drift.py`).

    Returns:
        A row per feature and device: feature, kind (number, label, category; missing for the share of NaN), device,
        n_reference, n_batch (values that are there), psi, psi_by_chance, statistic (KS distance, odds ratio or
        chi-square), p, p_adjusted, drifted, note. What is not judged has no p, and a note that says why. With the
        feature "device": the mix ("all"), then each device that the reference lacks or has too few records of.

    Raises:
        InputError: an empty table, no column `device`, columns or types that differ, infinite numbers, missing labels
            or categories, or settings out of range.
    """
    chosen = settings or DriftSettings()
    _check_settings(chosen)
    kinds = _kinds(reference, batch)
    if PATIENT in reference:
        reference, batch = (table.drop_duplicates([PATIENT, DEVICE]) for table in (reference, batch))
    names = device_names(reference[DEVICE]), device_names(batch[DEVICE])
    devices = sort_devices(*names, chosen.smallest_group)
    rows = _device_rows(names, devices, chosen)
    for feature, kind in kinds.items():
        pair = reference[feature], batch[feature]
        if kind == "number":
            rows += _number_rows(feature, pair, names, devices, chosen)
        else:
            rows += _category_rows(feature, kind, pair, names, devices, chosen)
    for row, p in zip(rows, adjusted([row.p for row in rows], chosen.correction), strict=True):
        row.p_adjusted = float(p)
        # A comparison with NaN is false: what is not judged has not drifted.
        row.drifted |= bool(p <= chosen.alpha and row.psi - row.psi_by_chance >= chosen.psi_limit)
    return pd.DataFrame([asdict(row) for row in rows])


def _device_rows(names: Names, devices: Devices, settings: DriftSettings) -> list[_Row]:
    rows = [_compared_categories(DEVICE, "category", ALL, names, settings)]
    for device in devices.unknown + devices.scarce:
        known, new = (int((of_records == device).sum()) for of_records in names)
        if known:
            note = f"fewer than {settings.smallest_group} in the reference: its features are not judged"
        else:
            note = "not in the reference: its features are not judged"
        drifted = not known and new >= settings.unknown_device
        rows.append(_Row(DEVICE, "category", device, known, new, drifted=drifted, note=note))
    return rows


def _number_rows(
    feature: str, pair: Pair, names: Names, devices: Devices, settings: DriftSettings
) -> list[_Row]:
    old, new = (one.to_numpy(dtype=np.float64, na_value=np.nan) for one in pair)
    gone = np.isnan(old), np.isnan(new)
    present = old[~gone[0]], new[~gone[1]]
    of_present = names[0][~gone[0]], names[1][~gone[1]]
    groups: list[tuple[str, Sequence[str]]] = [(ALL, devices.comparable)]
    groups += [(device, (device,)) for device in devices.alone]
    groups += [(OTHER, devices.pooled)] if devices.pooled else []
    rows = []
    for group, members in groups:
        if group in devices.alone:
            values = present[0][of_present[0] == group], present[1][of_present[1] == group]
        else:
            values = ranks_within(*present, of_present, members)
        note = f"pooled: {', '.join(members)}" if group == OTHER else ""
        rows.append(_compared_numbers(feature, group, values, settings, note))
        missing = gone[0][np.isin(names[0], members)], gone[1][np.isin(names[1], members)]
        if missing[0].any() or missing[1].any():
            rows.append(_compared_categories(feature, "missing", group, missing, settings, note))
    return rows


def _category_rows(
    feature: str, kind: Kind, pair: Pair, names: Names, devices: Devices, settings: DriftSettings
) -> list[_Row]:
    dtype = np.bool_ if kind == "label" else np.str_
    old, new = (one.to_numpy(dtype=dtype) for one in pair)
    rows = [_compared_categories(feature, kind, ALL, (old, new), settings)]
    for device in devices.alone:
        own = old[names[0] == device], new[names[1] == device]
        rows.append(_compared_categories(feature, kind, device, own, settings))
    return rows


def _compared_numbers(feature: str, device: str, values: Values, settings: DriftSettings, note: str) -> _Row:
    row = _Row(feature, "number", device, len(values[0]), len(values[1]), note=note)
    if _enough(row, settings):
        bins = quantile_bins(values[0], settings.bins, settings.tail)
        counts = bins.counts(values[0]), bins.counts(values[1])
        row.psi, row.psi_by_chance = psi_of_counts(*counts), psi_by_chance(*counts)
        row.statistic, row.p = ks_test(*values)
    return row


def _compared_categories(
    feature: str, kind: Kind, device: str, values: Values, settings: DriftSettings, note: str = ""
) -> _Row:
    row = _Row(feature, kind, device, len(values[0]), len(values[1]), note=note)
    if _enough(row, settings):
        counts = category_counts(*values)
        row.psi, row.psi_by_chance = psi_of_counts(*counts), psi_by_chance(*counts)
        row.statistic, row.p = category_test(*counts)
    return row


def _enough(row: _Row, settings: DriftSettings) -> bool:
    """Whether the row can be judged; if not it says so."""
    if min(row.n_reference, row.n_batch) >= settings.smallest_group:
        return True
    reason = f"not judged: fewer than {settings.smallest_group} records"
    row.note = f"{reason}; {row.note}" if row.note else reason
    return False


def _kinds(reference: pd.DataFrame, batch: pd.DataFrame) -> dict[str, Kind]:
    """Feature -> kind, in the order of the reference's columns."""
    for name, table in (("reference", reference), ("batch", batch)):
        if table.empty or DEVICE not in table:
            raise InputError(
                f"The {name} needs records and a column 'device', and has columns {list(table)}."
            )
    if set(reference) != set(batch):
        differing = sorted(map(str, set(reference) ^ set(batch)))
        raise InputError(f"Reference and batch differ in their columns: {', '.join(differing)}.")
    kinds = {str(name): _kind(reference[name]) for name in reference if name not in {DEVICE, PATIENT}}
    for name, kind in kinds.items():
        if _kind(batch[name]) != kind:
            raise InputError(
                f"'{name}' is a {kind} in the reference, but a {_kind(batch[name])} in the batch: give both one"
                " type."
            )
        both = pd.concat((reference[name], batch[name]))
        if kind == "number" and np.isinf(both.to_numpy(dtype=np.float64, na_value=np.nan)).any():
            raise InputError(
                f"'{name}' holds infinite numbers: leave them out, or give NaN for missing ones."
            )
        if kind != "number" and both.isna().any():
            raise InputError(f"'{name}' is a {kind} with missing values: name them as a category.")
    return kinds


def _kind(values: pd.Series) -> Kind:
    if pd.api.types.is_bool_dtype(values):
        return "label"
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"


def _check_settings(settings: DriftSettings) -> None:
    if not 0 < settings.alpha < 1 or settings.psi_limit <= 0:
        raise InputError(
            f"alpha is {settings.alpha:g} and psi_limit {settings.psi_limit:g}: give one between 0 and 1,"
            " and one above 0."
        )
    if settings.smallest_group < 2 or settings.unknown_device < 1:
        raise InputError(
            f"smallest_group is {settings.smallest_group} and unknown_device {settings.unknown_device}: give at least 2"
            " and 1 records."
        )
