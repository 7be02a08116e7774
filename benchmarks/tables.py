"""Tables of results: in the terminal, and in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Grid:
    """One table; the first `texts` columns are words, the others numbers. `note` says how they came about.

    Raises:
        ValueError: a row with more or fewer cells than there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    texts: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"'{self.title}' has {len(self.columns)} columns, but a row {row}")

    def markdown(self) -> str:
        """A heading, the table and the note, ending with a newline."""
        rule = ("---" if place < self.texts else "---:" for place in range(len(self.columns)))
        head = [self.columns, tuple(rule)]
        lines = [f"| {' | '.join(map(_escaped, row))} |" for row in (*head, *self.rows)]
        parts = [f"### {self.title}", "\n".join(lines), *([self.note] if self.note else [])]
        return "\n\n".join(parts) + "\n"

    def show(self, console: Console) -> None:
        """Print the table and its note."""
        table = Table(*self.columns, title=self.title)
        for column in table.columns[self.texts :]:
            column.justify = "right"
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        if self.note:
            console.print(self.note, highlight=False, markup=False)


@dataclass(frozen=True)
class Section:
    """A chapter of the document: what it says first, its tables, and pictures by file name."""

    title: str
    text: str
    grids: tuple[Grid, ...]
    pictures: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The chapter, ending with a newline."""
        pictures = [f"![{self.title}]({name})\n" for name in self.pictures]
        parts = [f"## {self.title}\n", *([f"{self.text}\n"] if self.text else [])]
        return "\n".join([*parts, *(grid.markdown() for grid in self.grids), *pictures])


def page(title: str, text: str, sections: Sequence[Section]) -> str:
    """The whole document in Markdown."""
    return "\n".join([f"# {title}\n", f"{text}\n", *(section.markdown() for section in sections)])


def significant(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits, never in powers of ten: 0.0123, 1.20, 1,230."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    after = digits - 1 - int(np.floor(np.log10(abs(value))))
    rounded = round(float(value), after)
    after = digits - 1 - int(np.floor(np.log10(abs(rounded))))  # 9.996 has become 10.00
    return f"{rounded:,.{max(after, 0)}f}"


def percentiles(seconds: Sequence[float]) -> tuple[str, str]:
    """Median and 95th percentile of `seconds`, in ms."""
    middle, high = 1000 * np.percentile(seconds, [50, 95])
    return significant(middle), significant(high)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
