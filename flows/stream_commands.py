"""`veribeat simulate-stream`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from veribeat.errors import InputError


def simulate_stream(
    source: Annotated[Path, typer.Argument(help="PTB-XL folder, real or simulated.")],
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    folds: Annotated[
        str, typer.Option(help="Training folds, separated by commas; all others are there at first.")
    ] = "1,2,3,4,5,6,7",
    initial: Annotated[
        float, typer.Option(help="Share of the training folds' records that is there at first.")
    ] = 0.4,
    batches: Annotated[int, typer.Option(min=1, max=99, help="How many batches the others come in.")] = 8,
    order: Annotated[
        Literal["device", "date"],
        typer.Option(help="Each device spread evenly over the batches, or by recording_date."),
    ] = "device",
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BATCH:KIND:SHARE",
            help="What goes wrong, as in 3:mains_hum:0.1; repeatable. Kinds: broken_electrode, new_device, mains_hum, "
            "swapped_leads; label_shift withholds the share of the batch's NORM records.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Split a PTB-XL folder into what is there at first and batches that come in, with faults put in.

    Writes OUT/initial and OUT/inbox/batch-NN, each a PTB-XL folder (files are links to SOURCE's where possible: do not
    edit them in place), OUT/faults.csv, what was done to which record, and OUT/stream.csv, a line per batch.
    """
    from flows.command_line import plain_console
    from flows.stream import simulate_stream as write_stream
    from veribeat.simulation.stream import StreamPlan, parse_faults

    plan = StreamPlan(_folds(folds), initial, batches, order, seed)
    lines = write_stream(source, out, plan, parse_faults(fault or [], batches))
    console = plain_console()
    for line in lines:
        away = f", {line.withheld} withheld" if line.withheld else ""
        faults = f"; {line.faults}" if line.faults else ""
        dates = f"{line.first_date[:10]} to {line.last_date[:10]}"
        console.print(f"{line.batch}: {line.records:,} records, {dates}{away}{faults}", highlight=False)
    console.print(f"Faults: {out / 'faults.csv'}", highlight=False)


def _folds(text: str) -> tuple[int, ...]:
    try:
        folds = tuple(int(part) for part in text.split(","))
    except ValueError:
        folds = ()
    if not folds or len(set(folds)) < len(folds) or not set(folds) <= set(range(1, 11)):
        raise InputError(f"--folds is {text!r}; give different numbers from 1 to 10, separated by commas.")
    return tuple(sorted(folds))
