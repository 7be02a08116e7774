"""A stage of the explanation chain that was killed does what is missing, and writes the same bytes."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from explained_chain import Chain, contents

from tasks import attribute, counterfactuals, many_items, rules
from tasks.many_items import Results
from tasks.workers import WORKERS
from veribeat.conventions import SUPERCLASSES

POISON = 77
"""What no stage finds."""

POISONED = {
    "attribute": ("monte_carlo_error", "attributions.parquet"),
    "rules": ("forwards", "summary.parquet"),
    "prototypes": ("", "distances.h5"),
    "counterfactuals": ("distance_mv", "counterfactuals.parquet"),
}
"""The field that is poisoned, where a row has fields, and the output that shows it."""


@pytest.mark.parametrize("name", POISONED)
def test_a_stage_that_was_killed_writes_the_samecontents(
    chain: Chain, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same with two workers as with one."""
    monkeypatch.setenv(WORKERS, "2")
    monkeypatch.setattr(many_items, "FEWEST_PER_WORKER", 1)
    resume = tmp_path / "resume"
    shutil.copyfile(chain.folder.parent / f"{name}.resume", resume)
    _forget_half(_kept(resume, name))
    chain.run(name, tmp_path / "out", resume)
    assert contents(tmp_path / "out") == contents(chain.folder / name)


@pytest.mark.parametrize("name", POISONED)
def test_what_was_finished_before_a_kill_is_not_done_again(
    chain: Chain, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, "1")
    resume = tmp_path / "resume"
    shutil.copyfile(chain.folder.parent / f"{name}.resume", resume)
    rows = _kept(resume, name)
    _forget_half(rows)
    field, _ = POISONED[name]
    (rows["value"][field] if field else rows["value"])[-1] = POISON
    chain.run(name, tmp_path / "out", resume)
    *before, last = _column(chain.folder / name, name)
    assert last != POISON
    np.testing.assert_array_equal(_column(tmp_path / "out", name), [*before, POISON])  # NaN is equal to NaN


def _kept(resume: Path, name: str) -> np.ndarray:
    """The rows in a file of results, all of them done, to be changed in place."""
    kinds = {
        "attribute": attribute.ROW,
        "rules": rules.ROW,
        "prototypes": np.dtype(np.float64),
        "counterfactuals": counterfactuals.ROW,
    }
    row = np.dtype([("value", kinds[name]), ("done", np.uint8)])
    assert resume.stat().st_size % row.itemsize == 0
    rows = Results(resume, [1] * (resume.stat().st_size // row.itemsize), kinds[name])._rows
    assert len(rows) > 4
    assert rows["done"].all()
    return rows


def _forget_half(rows: np.ndarray) -> None:
    """Unmark the first half, and spoil what it holds, as a kill in the middle of writing would.

    Not every other row: an item of several rows would always lack one.
    """
    rows[: len(rows) // 2] = np.zeros((), rows.dtype)


def _column(folder: Path, name: str) -> list[float]:
    """What the stage `name` made of the field of `POISONED`, in the order of the rows."""
    field, file = POISONED[name]
    if field:
        values: list[float] = pd.read_parquet(folder / file)[field].tolist()
        return values
    with h5py.File(folder / file) as stored:
        matrices = [stored[superclass]["distance_mv"][:] for superclass in SUPERCLASSES]
    return [value for matrix in matrices for value in matrix[np.triu_indices(len(matrix), 1)].tolist()]
