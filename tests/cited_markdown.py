"""Documents as tests read them: what each quotes, and from which field of which file."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
from ruamel.yaml import YAML

_LINK = r"(?<!\\)\[(?:\\.|[^\]\\])*\]\((?P<path>[^)]*)\)"
_FACT = re.compile(rf"\*\*(?P<value>(?:\\.|[^*\\])+)\*\* \({_LINK}: (?P<source>[^)]*)\)")
_TABLE = re.compile(rf"^Source: {_LINK}: (?P<source>.*)\n\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)
_EMPTY = re.compile(rf"^Source: {_LINK}: (?P<source>.*) \(none\)$", re.MULTILINE)
_AMONG = re.compile(r"rows where (\w+) == \"True\" among (.+) of (\S+)")


@dataclass(frozen=True)
class Quote:
    """A value or the cells of a table, with the file and the field that they are said to be from."""

    file: Path
    source: str
    found: Any


class Document:
    """A document of a release folder."""

    def __init__(self, file: Path) -> None:
        self.folder, self.text = file.parent, file.read_text(encoding="utf-8")

    @property
    def links(self) -> list[Path]:
        """Files that it links to."""
        return [self.folder / unquote(match["path"]) for match in re.finditer(_LINK, self.text)]

    @property
    def facts(self) -> list[Quote]:
        return [self._quote(match, _plain(match["value"])) for match in _FACT.finditer(self.text)]

    @property
    def tables(self) -> list[Quote]:
        return [self._quote(match, _cells(match["rows"])) for match in _TABLE.finditer(self.text)]

    @property
    def uncited(self) -> str:
        """The text without its quotes and links."""
        text = self.text
        for pattern in (_TABLE, _EMPTY, _FACT, re.compile(_LINK)):
            text = pattern.sub("", text)
        return text

    def section(self, heading: str) -> str:
        """What is under a heading, up to the next one."""
        _, _, after = self.text.partition(f" {heading}\n")
        assert after, heading
        return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]

    def _quote(self, match: re.Match[str], found: Any) -> Quote:
        return Quote(self.folder / unquote(match["path"]), _plain(match["source"]), found)


def field(quote: Quote) -> str:
    """What the field of the file holds that a fact is said to be from."""
    if quote.file.suffix == ".csv":
        return _of_table(quote)
    value = _read(quote.file)
    for key in _keys(value, quote.source):
        value = value[key]
    return _text(value)


def cells(quote: Quote) -> list[list[str]]:
    """What the file holds that a table is said to be from."""
    columns, _, condition = quote.source.partition(" where ")
    if quote.file.suffix == ".csv":
        table = _csv(quote.file)
        chosen = table.query(condition) if condition else table
        return [list(row) for row in chosen[columns.split(", ")].itertuples(index=False, name=None)]
    paths = [source.partition("*") for source in columns.split(", ")]
    (above,) = {before.removesuffix(".") for before, _, _ in paths}
    entries = _read(quote.file)
    for key in _keys(entries, above):
        entries = entries[key]
    rows = []
    for name, entry in entries.items():
        row = [name]
        for _, _, below in paths:
            value = entry
            for key in _keys(value, below.removeprefix(".")):
                value = value[key]
            row.append(_text(value))
        rows.append(row)
    return rows


def _of_table(quote: Quote) -> str:
    if among := _AMONG.fullmatch(quote.source):
        column, condition, log = among.groups()
        chosen = pd.read_csv(quote.file.parent / log).query(condition)["ecg_id"].astype(str)
        table = _csv(quote.file)
        return str(((table[column] == "True") & table["ecg_id"].isin(chosen)).sum())
    column, _, condition = quote.source.partition(" where ")
    if column == "rows":
        typed = pd.read_csv(quote.file) if ">" in condition else _csv(quote.file)
        return str(len(typed.query(condition) if condition else typed))
    (value,) = _csv(quote.file).query(condition)[column]
    return str(value) or "not defined"


def _csv(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.suffix == ".json" else YAML(typ="safe").load(file)


def _keys(value: Any, dotted: str) -> list[str]:
    """The keys that a dotted path means; keys may hold dots themselves."""
    if not dotted:
        return []
    for key in value if isinstance(value, dict) else ():
        if dotted == key:
            return [key]
        if dotted.startswith(f"{key}.") and isinstance(value[key], dict):
            return [key, *_keys(value[key], dotted.removeprefix(f"{key}."))]
    raise AssertionError(f"there is no {dotted}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    words = {"None": "none", "True": "yes", "False": "no"}
    return f"{value:.6g}" if isinstance(value, float) else words.get(str(value), " ".join(str(value).split()))


def _plain(text: str) -> str:
    return re.sub(r"\\([^\w\s]|_)", r"\1", text)


def _cells(rows: str) -> list[list[str]]:
    """The rows of a table without its heading."""
    _, _, *lines = rows.splitlines()
    return [[_plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
