"""`veribeat diff`: releases side by side."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import plain_console


def diff(
    before: Annotated[Path, typer.Argument(metavar="RELEASE_A", help="Folder of a release.")],
    after: Annotated[Path, typer.Argument(metavar="RELEASE_B", help="Folder of another one.")],
    json_: Annotated[
        bool, typer.Option("--json", help="Everything, with all records and metrics, as JSON.")
    ] = False,
) -> None:
    """Show what differs from one release to another: records, parameters, code, packages, scores, exclusions."""
    from flows.release.difference import compare_releases
    from flows.release.difference_tables import difference_json, show_difference

    found = compare_releases(before, after)
    if json_:
        print(difference_json(found))
    else:
        show_difference(found, plain_console())
