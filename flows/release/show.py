"""Audits in the terminal."""

from rich.console import Console
from rich.table import Table

from flows.release.audit import Audit


def show_audit(found: Audit, console: Console) -> None:
    """Print what each check has found, and the verdict last."""
    table = Table("check", "", "found")
    for finding in found.findings:
        table.add_row(finding.check, "ok" if finding.kept else "FAILED", finding.detail)
    console.print(table)
    difference = found.first_difference
    console.print(
        f"Release {found.release}: {found.verdict}{'' if difference is None else f' ({difference})'}",
        soft_wrap=True,
        highlight=False,
    )
