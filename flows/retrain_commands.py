"""`veribeat retrain`, `serve`, `refuse` and `rollback`: updates of a model by new records."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import (
    HERE,
    AnyVersionsOption,
    KeyOption,
    SetOption,
    WorkspaceOption,
    plain_console,
    prepared,
    resumable,
    run_flow,
)
from flows.prefect_server import prefect_server
from flows.release.signature import load_private_key


def retrain(
    workspace: WorkspaceOption = HERE,
    set_: SetOption = None,
    key: KeyOption = None,
    any_versions: AnyVersionsOption = False,
) -> None:
    """Learn from the next batch in inbox/, and make the result the champion if it keeps to the limits.

    The first time it trains the first champion. An update that was killed goes on where it stopped.
    """
    place = prepared(workspace, set_)
    with prefect_server(place.path):
        from flows.retrain.flow import retrain as flow  # Prefect reads its settings when it is imported

        page: Path = run_flow(flow, place.path, any_versions, key)
    from flows.retrain.page import show_updates

    show_updates(place, plain_console())
    print(f"Updates: {page}")


def serve(
    cron: Annotated[str, typer.Option(help='When, as in "0 3 * * *": every night at three (UTC).')],
    workspace: WorkspaceOption = HERE,
    key: KeyOption = None,
) -> None:
    """Run `veribeat retrain` on a schedule, one run at a time, until Ctrl-C; Prefect's page shows the runs."""
    place = prepared(workspace, None)
    if key is not None:
        load_private_key(key)
    with prefect_server(place.path), resumable():
        from flows.retrain.serving import serve as serve_flow

        serve_flow(place, cron, key)


def refuse(
    reason: Annotated[str, typer.Option(help="Why; it is kept in the ledger.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """End an update that cannot go on: its batches go to held/, and the champion stays."""
    from flows.retrain.page import show_updates, write_retraining_page
    from flows.retrain.refusal import refuse as refuse_update
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    with place.lock():
        refuse_update(place, reason, datetime.now(UTC).isoformat(timespec="seconds"))
        page = write_retraining_page(place)
    show_updates(place, plain_console())
    print(f"Updates: {page}")


def rollback(
    release: Annotated[str, typer.Argument(help="Release to put back, such as 0003.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the ledger.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Make an earlier release the champion again, with its cohort."""
    from flows.retrain.page import show_updates, write_retraining_page
    from flows.retrain.rollback import roll_back

    place = prepared(workspace, None)
    with place.lock():
        roll_back(place, release, reason, datetime.now(UTC).isoformat(timespec="seconds"))
        page = write_retraining_page(place)
    show_updates(place, plain_console())
    print(f"Updates: {page}")
