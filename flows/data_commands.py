"""`veribeat data`: get or make ECG records."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.command_line import plain_console, resumable
from flows.physionet.listing import PTBXL_URL

data = typer.Typer(help="Get or make ECG records.", no_args_is_help=True)


@data.command()
def synthetic(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    records: Annotated[int, typer.Option(min=20, help="How many records.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 20201,
) -> None:
    """Write a simulated cohort as a PTB-XL folder."""
    from flows.synthetic import write_cohort

    write_cohort(folder, records, seed)
    print(f"{records} simulated records. Next: veribeat init WORKSPACE --data {shlex.quote(str(folder))}")


@data.command()
def ptbxl(
    folder: Annotated[Path, typer.Argument(help="Folder to fill; what it holds already is kept.")],
    rate: Annotated[
        Literal["100", "500", "both"], typer.Option(help="Records at which rate, in Hz.")
    ] = "100",
    url: Annotated[str, typer.Option(help="PhysioNet's folder, or a mirror of it.")] = PTBXL_URL,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many files at a time.")] = 8,
) -> None:
    """Download PTB-XL, or go on with an interrupted download; each file's SHA-256 is checked."""
    from flows.physionet.download import download_ptbxl
    from tasks.stages import PTBXL_FILES

    rates = (100, 500) if rate == "both" else (int(rate),)
    with resumable():
        done = download_ptbxl(folder, plain_console(stderr=True), url=url, rates=rates, workers=workers)
    print(f"{done.fetched:,} files fetched, {done.found:,} there already; all are as SHA256SUMS.txt says.")
    if all((folder / file).exists() for file in PTBXL_FILES):
        print(f"Next: veribeat init WORKSPACE --data {shlex.quote(str(folder))}")
    else:
        print("Workspaces need the records at 100 Hz: add them with --rate 100.")
