"""A CSV file that grows query by query, so that a killed run goes on where it stopped."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from veribeat.errors import InputError

KEYS = ("ecg_id", "target", "method")
RUN = "run"
"""Column that says what the rows were made from: a digest of model, pool, settings and code."""


class Ledger:
    """The finished queries in a CSV file, keyed by ecg_id, target and method.

    A query counts as finished with `rows_per_query` rows; what a kill left of an unfinished one is removed. Opening
    creates the file.

    Args:
        path: of the file.
        columns: all of them, KEYS and RUN among them.
        run: what this run is made from; rows of another one are refused.
        rows_per_query: number of targets times number of methods.

    Raises:
        InputError: the file is of another run or has other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], run: str, rows_per_query: int) -> None:
        self.path, self.columns, self.run = path, tuple(columns), run
        self.rows_per_query = rows_per_query
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill can leave part of a line
        if not whole:
            self._replace(pd.DataFrame(columns=list(self.columns)))
            return
        table = _read(io.StringIO(whole))
        if tuple(table.columns) != self.columns:
            raise InputError(f"{path} has other columns; choose another file.")
        if (table[RUN] != run).any():
            raise InputError(
                f"{path} is of another model, other settings or other code; choose another file."
            )
        counts = table.groupby("ecg_id")["method"].transform("size")
        finished = table[counts == rows_per_query]
        if len(whole) < len(text) or len(finished) < len(table):
            self._replace(finished)

    @property
    def finished(self) -> set[int]:
        """ecg_id of each finished query."""
        return set(self.table()["ecg_id"].tolist())

    def table(self) -> pd.DataFrame:
        """All rows."""
        return _read(self.path)

    def append(self, rows: Sequence[dict[str, object]]) -> None:
        """Add all rows of one query, without RUN, and have them on the disk before returning."""
        if len(rows) != self.rows_per_query:
            raise ValueError(f"{len(rows)} rows for a query instead of {self.rows_per_query}")
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writerows([{**row, RUN: self.run} for row in rows])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())

    def _replace(self, table: pd.DataFrame) -> None:
        beside = self.path.with_name(self.path.name + ".new")
        table.to_csv(beside, index=False, lineterminator="\n")
        beside.replace(self.path)


def _read(source: Path | io.StringIO) -> pd.DataFrame:
    # Digests can look like numbers, and the default parser of floats is off by a last digit.
    return pd.read_csv(source, dtype={RUN: str, "note": str}, float_precision="round_trip")
