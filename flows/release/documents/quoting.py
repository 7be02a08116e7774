"""Figures of a release in Markdown, each with the file and the field that it is from.

A template has no other way to a figure, so that none can stand in a document without its source.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flows.release.reading import RECORDS, SELECTION_LOG, ReleaseFiles
from tasks.params.reading import PARAMS_FILE
from tasks.params.train import ArmParams
from veribeat.conventions import SUPERCLASSES
from veribeat.metrics.exclusion import EXCLUDED

PARAMS = str(PARAMS_FILE)

# An underscore within a word, as in f1_macro, marks nothing.
_MARKUP = re.compile(r"[\\`*\[\]<>|&~$#!]|(?<!\w)_|_(?!\w)")


class Markdown(str):
    """Text that is Markdown; all other text is escaped where it goes into a document."""

    __slots__ = ()


def escaped(value: object) -> Markdown:
    """Text on one line that shows as it is, whatever it holds."""
    if isinstance(value, Markdown):
        return value
    return Markdown(_MARKUP.sub(r"\\\g<0>", " ".join(str(value).split())))


def shown(value: Any) -> str:
    """A value of a JSON or YAML file as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "none"
    return str(value)


def link(file: str) -> Markdown:
    """To a file of the release."""
    return Markdown(f"[{escaped(file)}]({quote(file)})")


@dataclass(frozen=True)
class Quotes:
    """What the templates call."""

    files: ReleaseFiles

    def fact(self, file: str, *keys: str) -> Markdown:
        """The value at `keys` of a JSON file or params.yaml."""
        return self._cited(shown(self.files.value(file, *keys)), file, ".".join(keys))

    def setting(self, key: str) -> Markdown:
        """The value of `key` in the arm's settings, or what holds where params.yaml has no such key."""
        arm = self.files.arm
        if key in self.files.value(PARAMS, "arms", arm):
            return self.fact(PARAMS, "arms", arm, key)
        default = escaped(shown(ArmParams.model_fields[key].default))
        return Markdown(f"**{default}** by default ({link(PARAMS)} has no arms.{escaped(arm)}.{key})")

    def cell(self, file: str, column: str, **where: str) -> Markdown:
        """The value in `column` of the only row of a CSV file that has these values."""
        self.files.check_columns(file, column)
        (value,) = self.files.table(file, **where)[column]
        return self._cited(value or "not defined", file, f"{column}{_where(where)}")

    def count(self, file: str, **where: str) -> Markdown:
        """How many rows of a CSV file have these values."""
        return self._cited(str(len(self.files.table(file, **where))), file, f"rows{_where(where)}")

    def excluded(self) -> Markdown:
        """How many training records the selection excluded."""
        return self._cited(str(len(self.files.excluded())), SELECTION_LOG, f"rows where {EXCLUDED}")

    def excluded_by_superclass(self) -> dict[str, Markdown]:
        """The same of each superclass; empty where no records.csv says what the records show."""
        if not self.files.has(RECORDS):
            return {}
        records = self.files.table(RECORDS)
        of_excluded = records[records["ecg_id"].isin(self.files.excluded()["ecg_id"])]
        among = f"among {EXCLUDED} of {SELECTION_LOG}"
        return {
            name: self._cited(
                str((of_excluded[name] == "True").sum()), RECORDS, f'rows where {name} == "True" {among}'
            )
            for name in SUPERCLASSES
            if name in records.columns
        }

    def rows(self, file: str, columns: Mapping[str, str], **where: str) -> Markdown:
        """A table of the rows of a CSV file that have these values; `columns` are heading -> column."""
        self.files.check_columns(file, *columns.values())
        table = self.files.table(file, **where)[list(columns.values())]
        source = f"{', '.join(columns.values())}{_where(where)}"
        return _table(list(columns), table.to_numpy().tolist(), file, source)

    def entries(
        self, file: str, keys: tuple[str, ...], heading: str, columns: Mapping[str, tuple[str, ...]]
    ) -> Markdown:
        """A table of the entries of an object in a JSON file or params.yaml.

        Args:
            file: which.
            keys: of the object in it.
            heading: what the keys of the entries are.
            columns: heading -> keys in an entry; none where the entry itself is the value.
        """
        entries = self.files.value(file, *keys)
        names = sorted(entries, key=lambda name: (int(name), "") if name.isdigit() else (0, name))
        rows = [
            [name, *(shown(self.files.value(file, *keys, name, *below)) for below in columns.values())]
            for name in names
        ]
        source = ", ".join(".".join((*keys, "*", *below)) for below in columns.values())
        return _table([heading, *columns], rows, file, source)

    def _cited(self, value: str, file: str, where: str) -> Markdown:
        return Markdown(f"**{escaped(value)}** ({link(file)}: {escaped(where)})")


def _where(where: Mapping[str, str]) -> str:
    conditions = " and ".join(f'{column} == "{value}"' for column, value in where.items())
    return f" where {conditions}" if where else ""


def _table(headings: list[str], rows: list[list[str]], file: str, source: str) -> Markdown:
    lines = [headings, ["---"] * len(headings), *rows]
    cells = ["| " + " | ".join(escaped(cell) for cell in line) + " |" for line in lines]
    cited = f"Source: {link(file)}: {escaped(source)}"
    return Markdown("\n".join([cited, "", *cells]) if rows else f"{cited} (none)")
