"""The files of a release, as its documents, its page and comparisons read them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.params.reading import PARAMS_FILE, read_document
from tasks.params.train import ArmParams
from veribeat.errors import InputError
from veribeat.metrics.exclusion import is_excluded

SELECTION_LOG = "selection_log.csv"
"""In how many epochs each training record was kept and dropped."""

RECORDS = "records.csv"
"""A digest of each record of the cohort."""

SCREENING = "screening"
"""A folder for each batch: what it was found to be."""


def leaves(value: Any, *keys: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The keys to each value of a document that holds no further keys, and that value."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, *keys, str(key))
    else:
        yield keys, value


@dataclass(frozen=True)
class ReleaseFiles:
    """A release folder, or one that is about to become one; each file is read once.

    Reading raises InputError when a file is missing or damaged.
    """

    folder: Path
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def has(self, name: str) -> bool:
        """Whether the release has such a file: what there is depends on how it was made."""
        return (self.folder / name).is_file()

    def value(self, name: str, *keys: str) -> Any:
        """What a JSON file or params.yaml has at `keys`."""
        found = self._document(name)
        for depth, key in enumerate(keys, start=1):
            if not (isinstance(found, dict) and key in found):
                raise InputError(
                    f"{self.folder / name} has no {'.'.join(keys[:depth])}: restore the release from a backup."
                )
            found = found[key]
        return found

    def table(self, name: str, **where: str) -> pd.DataFrame:
        """The rows of a CSV file with these values in these columns; all cells are the text that the file has."""
        table = self._table(name)
        self.check_columns(name, *where)
        for column, value in where.items():
            table = table[table[column] == value]
        return table

    def check_columns(self, name: str, *columns: str) -> None:
        """Raise InputError unless a CSV file has these columns."""
        if missing := [column for column in columns if column not in self._table(name).columns]:
            raise InputError(
                f"{self.folder / name} has no column {missing[0]}: restore the release from a backup."
            )

    def screened(self) -> tuple[str, ...]:
        """Folders of the batches that were screened, such as screening/0002-batch-01, in the order of their names."""
        found = (self.folder / SCREENING).glob("*/screening.json")
        return tuple(sorted(file.parent.relative_to(self.folder).as_posix() for file in found))

    def excluded(self) -> pd.DataFrame:
        """The rows of selection_log.csv of the training records that the selection excluded."""
        self.check_columns(SELECTION_LOG, "ecg_id", "dropped", "considered")
        log = self._table(SELECTION_LOG)
        try:
            dropped, considered = (log[name].astype(np.int64) for name in ("dropped", "considered"))
        except ValueError as error:
            raise self._damaged(SELECTION_LOG, error) from error
        return log[is_excluded(dropped, considered)]

    @property
    def simulated(self) -> bool:
        """Whether its records are simulated."""
        return bool(self.value("params.yaml", "cohort", "source") != "ptbxl")

    @property
    def arm(self) -> str:
        """The arm that was released."""
        return str(self.value("provenance.json", "arm"))

    @property
    def champion(self) -> str | None:
        """The release that it goes on from; params.yaml may leave it out."""
        name = (self.value(str(PARAMS_FILE)).get("retrain") or {}).get("champion")
        return None if name is None else str(name)

    @property
    def selection(self) -> str:
        """What its training selected records by, a name in `selections`; params.yaml may leave it out."""
        settings = self.value(str(PARAMS_FILE), "arms", self.arm)
        return str(settings.get("selection", ArmParams.model_fields["selection"].default))

    def _document(self, name: str) -> Any:
        if name not in self._read:
            if name == str(PARAMS_FILE):
                self._read[name] = read_document(self.folder / name)
            else:
                text = self.text(name)
                try:
                    self._read[name] = json.loads(text)
                except ValueError as error:
                    raise self._damaged(name, error) from error
        return self._read[name]

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            file = self._file(name)
            try:
                self._read[name] = pd.read_csv(file, dtype=str, keep_default_na=False)
            except (ValueError, pd.errors.ParserError) as error:  # empty, not text, or ragged
                raise self._damaged(name, error) from error
        found: pd.DataFrame = self._read[name]
        return found

    def text(self, name: str) -> str:
        """A text file."""
        try:
            return self._file(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged(name, error) from error

    def _file(self, name: str) -> Path:
        if not self.has(name):
            raise InputError(f"{self.folder} has no {name}: restore the release from a backup.")
        return self.folder / name

    def _damaged(self, name: str, error: Exception) -> InputError:
        why = str(error).splitlines()[0]
        return InputError(f"{self.folder / name} is damaged ({why}): restore the release from a backup.")
