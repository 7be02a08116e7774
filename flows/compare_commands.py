"""`veribeat compare`: selections side by side."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import (
    HERE,
    AnyVersionsOption,
    SetOption,
    WorkspaceOption,
    plain_console,
    prepared,
    run_flow,
)
from flows.prefect_server import prefect_server


def compare(
    arms: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Names in the section `selections` of params.yaml, with commas."),
    ] = "full,full_matched,random,pdd,infobatch,erts_released,erts_recommended",
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds: 1, 2, ... (default: compare.seeds).")
    ] = None,
    backbone: Annotated[str, typer.Option(help="cnn_gru_flow or resnet1d.")] = "cnn_gru_flow",
    preset: Annotated[
        str | None, typer.Option(help="Of params.yaml (default: that of the first arm).")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the folder below results/.")] = "comparison",
    contaminated: Annotated[
        bool,
        typer.Option("--contaminated", help="Add known noise and wrong labels to training records first."),
    ] = False,
    side_by_side: Annotated[
        int, typer.Option(min=1, help="Trainings at a time; more than one spoils the wall times.")
    ] = 1,
    workspace: WorkspaceOption = HERE,
    set_: SetOption = None,
    any_versions: AnyVersionsOption = False,
) -> None:
    """Train arms and seeds that differ in which records an epoch trains on, and compare quality and cost.

    Finished trainings stay in results/NAME/cells; a comparison that was killed, or that asks for more arms or seeds,
    trains what is missing.
    """
    from flows.compare.cells import CLEAN, Comparison, names

    place = prepared(workspace, set_)
    params = place.params()
    comparison = Comparison(
        name=_folder_name(name),
        arms=(CLEAN, *names(arms)) if contaminated else names(arms),
        seeds=tuple(range(1, 1 + (seeds or params.compare.seeds))),
        backbone=backbone,
        preset=preset or params.arms[min(params.arms)].preset,
        contaminated=contaminated,
        side_by_side=side_by_side,
    )
    comparison.check(params)
    with prefect_server(place.path):
        from flows.compare.flow import with_workers  # Prefect reads its settings when it is imported

        page: Path = run_flow(with_workers(side_by_side), place.path, comparison, any_versions)
    from flows.compare.cells import CellMaker
    from flows.compare.page import show_comparison

    finished, _ = CellMaker(comparison, place).all_finished()
    show_comparison(finished, place, plain_console())
    print(f"Comparison: {page}")


def _folder_name(name: str) -> str:
    from veribeat.errors import InputError

    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"'{name}' names a folder: letters, digits, - and _ only.")
    return name
