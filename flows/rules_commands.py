"""`veribeat rules`: study the rules that keep a prediction."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import HERE, WorkspaceOption, plain_console, resumable

rules = typer.Typer(help="Study the rules that keep a prediction.", no_args_is_help=True)


@rules.command()
def ablate(
    records: Annotated[int, typer.Option(min=1, help="How many random records of the pool.")] = 350,
    out: Annotated[Path | None, typer.Option("--out", help="CSV file to write as well.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Make rules anew at five importance thresholds, and show what these do, beside the paper's Table 6.

    350 records take half an hour on two free cores. A run that was killed goes on where it stopped.
    """
    from flows.ablation import ablate_rules, show_ablation
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    with place.lock(), resumable():
        table = ablate_rules(place, records, out)
    show_ablation(table, records, place.params().cohort.simulated, plain_console())
    if out is not None:
        print(f"Table: {out}")
