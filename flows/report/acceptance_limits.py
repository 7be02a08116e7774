"""The table of acceptance limits, as the pages of releases and of updates show it."""

from collections.abc import Iterable, Mapping
from typing import Any

from flows.report.result_table import ResultTable
from flows.report.texts import number, signed


def acceptance_limits(
    title: str, verdicts: Iterable[Mapping[str, Any]], models: tuple[str, str], whose: str
) -> ResultTable:
    """A row per limit that an update was held against.

    Args:
        title: of the table.
        verdicts: the rows of acceptance.csv (`veribeat.metrics.acceptance.acceptance_table`), NaN where it is empty.
        models: what the page calls champion and challenger.
        whose: the latter in the genitive, such as "this release's".
    """
    rows = tuple(
        (
            str(row["limit"]),
            str(row["scope"]),
            number(row["champion"]),
            number(row["challenger"]),
            signed(row["difference"], row["low"], row["high"]),
            f"{row['bound']:g}",
            "yes" if row["kept"] else "no",
        )
        for row in verdicts
    )
    note = (
        "A loss is kept to if the lower end of the interval is not below the bound; the others are held against"
        f" {whose} own value."
    )
    return ResultTable(title, ("limit", "scope", *models, "difference", "bound", "kept"), rows, note)
