"""Sex, age band and device of records, as groups whose results are reported apart."""

import numpy as np
import pandas as pd

AGE_BANDS = {"under 40": 0.0, "40-59": 40.0, "60-74": 60.0, "75 and over": 75.0}
"""Youngest age of each band, in years: a choice of ours, with at least a tenth of PTB-XL's records in each. PTB-XL's
code 300, for an age over 89, falls into the last."""

UNKNOWN = "unknown"
OTHER = "other"

SEX_NAMES = {0: "male", 1: "female", -1: UNKNOWN}


def clean_device_names(devices: pd.Series) -> pd.Series:
    """Names as PTB-XL's table has them, (N,), with spaces put in order, "unknown" where there is none."""
    return devices.str.split().str.join(" ").replace("", UNKNOWN)


def demographic_groups(records: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return the groups of each record: columns sex, age and device, each an ordered category without a gap.

    Devices are told apart by name, spaces put in order as on the data card; those with fewer than `smallest` of these
    records are pooled as "other". Sexes and age bands are never pooled, and an unknown one is a group of its own.

    Args:
        records: columns sex, age and device, coded as in `data.schema`.
        smallest: records that a device needs to stand alone.
    """
    age = pd.cut(records["age"], [*AGE_BANDS.values(), np.inf], right=False, labels=list(AGE_BANDS))
    name = clean_device_names(records["device"])
    rare = name.map(name.value_counts()) < smallest
    devices = sorted(set(name[~rare]) - {UNKNOWN, OTHER})
    return pd.DataFrame(
        {
            "sex": pd.Categorical(records["sex"].map(SEX_NAMES), list(SEX_NAMES.values()), ordered=True),
            "age": age.cat.add_categories(UNKNOWN).fillna(UNKNOWN),
            "device": pd.Categorical(name.mask(rare, OTHER), [*devices, UNKNOWN, OTHER], ordered=True),
        },
        index=records.index,
    )
