"""The prototypes as one file: HDF5, signals in stored units, the same bytes for the same prototypes."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.signal.stored_units import from_units, to_units

CONTENT = "veribeat prototypes"
"""What the file says it is; readers refuse others."""

_NUMBERS = {
    "ecg_ids": np.int64,
    "clusters": np.int64,
    "cluster_sizes": np.int64,
    "silhouettes": np.float64,
    "mean_distances": np.float64,
}


@dataclass(frozen=True)
class PrototypeSet:
    """The prototypes of all superclasses, P in all, maybe none.

    Raises:
        InputError: arrays that disagree in length, other signals than (P, 1000, 12), unknown superclasses.
    """

    signals_mv: NDArray[np.float32]  # (P, 1000, 12)
    ecg_ids: NDArray[np.int64]  # (P,) whose recordings they are
    superclasses: tuple[str, ...]  # (P) of what they are typical
    clusters: NDArray[np.int64]  # (P,) numbered within the superclass, the largest first
    cluster_sizes: NDArray[np.int64]  # (P,) records that each stands for, itself included
    silhouettes: NDArray[np.float64]  # (P,) mean of the cluster's records; NaN where it is the only cluster
    mean_distances: NDArray[np.float64]  # (P,) mean DTW distance to the cluster's other records, in mV
    provenance: dict[str, str]  # what they were made from: hashes and settings by name

    def __post_init__(self) -> None:
        count = len(self.superclasses)
        if self.signals_mv.shape != (count, RECORD_SAMPLES, len(LEADS)):
            raise InputError(
                f"The signals of {count} prototypes have the shape {self.signals_mv.shape}; "
                f"expected ({count}, {RECORD_SAMPLES}, {len(LEADS)})."
            )
        for name in _NUMBERS:
            if getattr(self, name).shape != (count,):
                raise InputError(
                    f"There are {name} {getattr(self, name).shape} for {count} prototypes; give one for each."
                )
        unknown = sorted(set(self.superclasses) - set(SUPERCLASSES))
        if unknown:
            raise InputError(f"Prototypes have superclasses {unknown}; expected some of {SUPERCLASSES}.")

    def of(self, superclass: str) -> NDArray[np.int64]:
        """Return the indices of the prototypes of one superclass, in ascending order."""
        return np.flatnonzero(np.array(self.superclasses, dtype=object) == superclass)


def write_prototypes(path: Path, prototypes: PrototypeSet) -> None:
    """Write the file whole or not at all.

    Signals are rounded to stored units of 1/1000 mV, which changes nothing in recordings that came from such units.
    """
    scratch = path.with_name(f".{path.name}.part")
    with h5py.File(
        scratch, "w", libver="latest"
    ) as file:  # formats with checksums of all that is not an array
        file.attrs["content"] = CONTENT
        _add(file, "signals", to_units(prototypes.signals_mv))
        _add(file, "superclasses", np.array(prototypes.superclasses, dtype="S4"))
        for name, kind in _NUMBERS.items():
            _add(file, name, getattr(prototypes, name).astype(kind))
        provenance = file.create_group("provenance")
        for name, value in sorted(prototypes.provenance.items()):
            provenance.attrs[name] = value
    scratch.replace(path)


def read_prototypes(path: Path) -> PrototypeSet:
    """Read what `write_prototypes` wrote.

    Raises:
        InputError: there is no such file, it is damaged, or it is something else.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; run the stage prototypes first.")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("content") != CONTENT:
                raise InputError(
                    f"{path} does not hold prototypes; give the file that the stage prototypes wrote."
                )
            return PrototypeSet(
                signals_mv=from_units(file["signals"][:]),
                superclasses=tuple(name.decode("ascii") for name in file["superclasses"][:]),
                provenance=dict(file["provenance"].attrs),
                **{name: file[name][:].astype(kind) for name, kind in _NUMBERS.items()},
            )
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is damaged ({error}); run the stage prototypes again.") from error


def _add(file: h5py.File, name: str, values: NDArray[np.generic]) -> None:
    """Add an array with a checksum, which HDF5 compares when it reads; it has none for empty arrays."""
    file.create_dataset(name, data=values, fletcher32=len(values) > 0)
