"""What a table of results is, for the terminal and for pages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ResultTable:
    """A titled table of text cells; the first column names the row, and `note` explains it in a sentence."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
