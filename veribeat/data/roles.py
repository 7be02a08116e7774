"""Fold roles: which records train, validate, calibrate, explain and test."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

LEARNT_ROLES = ("train", "validation")
HELD_OUT_ROLES = ("pool", "query", "test")


def assign_roles(
    records: pd.DataFrame, folds_of_role: Mapping[str, Sequence[int]], *, drop_unlabelled: bool
) -> pd.DataFrame:
    """One row per record (row, ecg_id, patient_id, fold) and a boolean column for each role.

    A record may play several roles (validation and background; pool and test). `drop_unlabelled` takes records
    without any superclass out of every role; otherwise they train with an all-zero target. Training, validation
    and the union of pool, query and test must be disjoint, by record and by patient. Raises InputError when they
    are not, or when a role has no record.
    """
    roles = records[["ecg_id", "patient_id", "fold"]].reset_index(drop=True)
    roles.insert(0, "row", np.arange(len(roles)))
    usable = records[list(SUPERCLASSES)].to_numpy(dtype=bool).any(axis=1) | (not drop_unlabelled)
    for role, folds in folds_of_role.items():
        roles[role] = roles["fold"].isin(list(folds)).to_numpy() & usable
        if not roles[role].any():
            raise InputError(
                f"No record plays the role '{role}': folds {list(folds)} of the cohort are empty;"
                f" choose others in 'split.{role}' or add records."
            )
    _check_disjoint(roles)
    return roles


def unused_records(roles: pd.DataFrame, folds_of_role: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """ecg_id and reason of each record of `assign_roles` that plays no role."""
    unused = roles[~roles[list(folds_of_role)].any(axis=1)]
    in_use = {fold for folds in folds_of_role.values() for fold in folds}
    reason = np.where(unused["fold"].isin(in_use), "no superclass", "its fold has no role")
    return pd.DataFrame({"ecg_id": unused["ecg_id"], "reason": reason})


def check_not_learnt(
    records: pd.DataFrame, rows: NDArray[np.int64], learnt: NDArray[np.int64], use: str
) -> None:
    """Raise InputError where the records at `rows` are not new to a model, by record or by patient.

    `assign_roles` sees to that within one training. A model that began with the weights of another has learnt from the
    records of that one's training, too, whatever roles the folds have by now.

    Args:
        records: ecg_id and patient_id of the cohort.
        rows: positions in `records`.
        learnt: ecg_id of what the model has learnt from.
        use: what the records at `rows` are for, as the sentence is to call them.
    """
    known = records["patient_id"].isin(set(records.loc[records["ecg_id"].isin(learnt), "patient_id"]))
    seen = records.iloc[rows].loc[known.to_numpy()[rows], "ecg_id"]
    if len(seen):
        raise InputError(
            f"The champion has learnt from {len(seen)} of the {len(rows)} {use} (such as {seen.iloc[0]}), or from"
            " others of their patients: give the folds the roles that they had in its training, or train anew."
        )


def _check_disjoint(roles: pd.DataFrame) -> None:
    groups = {role: roles[role] for role in LEARNT_ROLES}
    groups["/".join(HELD_OUT_ROLES)] = roles[list(HELD_OUT_ROLES)].any(axis=1)
    names = list(groups)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            for unit in ("ecg_id", "patient_id"):
                shared = set(roles.loc[groups[first], unit]) & set(roles.loc[groups[second], unit])
                if shared:
                    raise InputError(
                        f"{len(shared)} {unit} (such as {min(shared)}) are in both {first} and {second}:"
                        " give these roles folds that share no patient."
                    )
