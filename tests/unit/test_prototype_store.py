from dataclasses import replace

import h5py
import numpy as np
import pytest

from veribeat.errors import InputError
from veribeat.prototypes.store import PrototypeSet, read_prototypes, write_prototypes
from veribeat.signal.stored_units import from_units

ARRAYS = ("signals_mv", "ecg_ids", "clusters", "cluster_sizes", "silhouettes", "mean_distances")


def prototypes(superclasses=("NORM", "MI", "NORM", "HYP")):
    rng, count = np.random.default_rng(0), len(superclasses)
    return PrototypeSet(
        signals_mv=from_units(rng.integers(-2000, 2000, (count, 1000, 12)).astype(np.int16)),
        ecg_ids=rng.integers(1, 21837, count),
        superclasses=superclasses,
        clusters=np.arange(count),
        cluster_sizes=np.arange(count) + 1,
        silhouettes=np.array([0.3, -0.1, 0.5, np.nan])[:count],
        mean_distances=rng.random(count),
        provenance={"model": "abc", "Künstler": "d", "params": "{}"},
    )


def same(one, other):
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in ARRAYS)
        and one.superclasses == other.superclasses
        and one.provenance == other.provenance
    )


@pytest.mark.parametrize("superclasses", [("NORM", "MI", "NORM", "HYP"), ("CD",), ()])
def test_what_is_read_is_what_was_written(tmp_path, superclasses):
    written = prototypes(superclasses)
    write_prototypes(tmp_path / "p.h5", written)
    read = read_prototypes(tmp_path / "p.h5")
    assert same(read, written)
    assert [getattr(read, name).dtype for name in ARRAYS] == [np.float32, *[np.int64] * 3, *[np.float64] * 2]
    assert [file.name for file in tmp_path.iterdir()] == ["p.h5"]


def test_the_same_prototypes_are_the_same_bytes(tmp_path):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    write_prototypes(first, prototypes())
    turned = dict(reversed(prototypes().provenance.items()))
    write_prototypes(second, replace(read_prototypes(first), provenance=turned))
    assert first.read_bytes() == second.read_bytes()


def test_indices_of_a_superclass():
    assert prototypes().of("NORM").tolist() == [0, 2]
    assert prototypes().of("CD").tolist() == []
    assert prototypes(()).of("NORM").tolist() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signals_mv": np.zeros((4, 999, 12), np.float32)}, "signals of 4 prototypes"),
        ({"superclasses": ("NORM",)}, "signals of 1 prototypes"),
        ({"ecg_ids": np.arange(3)}, "ecg_ids"),
        ({"superclasses": ("NORM", "MI", "NORM", "LBBB")}, "LBBB"),
    ],
)
def test_a_set_that_does_not_fit_together_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(prototypes(), **change)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file .*p\.h5"):
        read_prototypes(tmp_path / "p.h5")


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.9, 0.9999])
def test_a_file_that_is_cut_short_is_refused(tmp_path, share):
    file = tmp_path / "p.h5"
    write_prototypes(file, prototypes())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"p\.h5 is damaged"):
        read_prototypes(file)


def test_no_changed_bit_is_taken_for_data(tmp_path):
    file = tmp_path / "p.h5"
    write_prototypes(file, prototypes())
    whole, written = file.read_bytes(), read_prototypes(file)
    refused = 0
    for place in np.random.default_rng(0).integers(len(whole), size=60):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        file.write_bytes(changed)
        try:
            assert same(read_prototypes(file), written)  # a byte that nothing uses
        except InputError:
            refused += 1
    assert refused > 30


def test_other_files_are_refused(tmp_path):
    text, other = tmp_path / "p.txt", tmp_path / "other.h5"
    text.write_text("superclass,ecg_id\n")
    with h5py.File(other, "w") as file:
        file["signals"] = np.zeros(3)
    with pytest.raises(InputError, match="damaged"):
        read_prototypes(text)
    with pytest.raises(InputError, match="does not hold prototypes"):
        read_prototypes(other)


def test_a_file_without_one_of_its_arrays_is_refused(tmp_path):
    path = tmp_path / "p.h5"
    write_prototypes(path, prototypes())
    with h5py.File(path, "r+") as file:
        del file["ecg_ids"]
    with pytest.raises(InputError, match="damaged"):
        read_prototypes(path)
