"""All measurements beside other libraries, written to docs/benchmarks.md with two figures: `make bench`.

WORKSPACE has run the stages `prototypes` and `donors`. It takes long, and a machine with nothing else to do; --quick is
a trial.
"""

from pathlib import Path

from rich.console import Console

from benchmarks import attribution_peers, dtw_peers, explain_latency, growth, lightning_loop
from benchmarks.machine import BUSY, busy_cores, machine_grid
from benchmarks.pictures import growth_figure, peers_figure
from benchmarks.subject import Subject, options, show
from benchmarks.tables import Section, page
from veribeat.plots.style import SIMULATED_BANNER, save_png

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT, PEERS_PICTURE, GROWTH_PICTURE = "benchmarks.md", "benchmarks-peers.png", "benchmarks-growth.png"

EPOCH_RECORDS, EPOCH_ROUNDS = 4000, 3
QUICK_RECORDS, QUICK_ROUNDS = 140, 1


def sections(workspace: Path, quick: bool, folder: Path) -> list[Section]:
    """Measure everything, show each table when it is there, and put the figures into `folder`."""
    subject = Subject.load(workspace)
    banner = SIMULATED_BANNER if subject.simulated else None
    console = Console()
    console.print("DTW ...")
    lines, dtw = dtw_peers.run(workspace, quick)
    show([dtw])
    console.print("Attributions ...")
    curves, attributions = attribution_peers.run(workspace, quick)
    show([attributions])
    save_png(peers_figure(lines, curves, banner), folder / PEERS_PICTURE)
    console.print("Training ...")
    cases = tuple(lightning_loop.CASES)
    epoch = lightning_loop.grid(
        cases[:1] if quick else cases,
        QUICK_RECORDS if quick else EPOCH_RECORDS,
        QUICK_ROUNDS if quick else EPOCH_ROUNDS,
        threads=1,
    )
    show([epoch])
    console.print("Explanations ...")
    latency = tuple(explain_latency.run(workspace, quick))
    show(latency)
    console.print("Growth ...")
    measured, grown = growth.run(workspace, quick)
    show(grown)
    save_png(growth_figure(measured, banner), folder / GROWTH_PICTURE)
    return [
        Section("Machine", "", (machine_grid(),)),
        Section("DTW", "", (dtw,), (PEERS_PICTURE,)),
        Section("Attributions", "The figure is the one above.", (attributions,)),
        Section("Training", "", (epoch,)),
        Section("Explanations", "", latency),
        Section("Growth", "", tuple(grown), (GROWTH_PICTURE,)),
    ]


def introduction(cohort: str, quick: bool, busy: float) -> str:
    """What was measured on what, and whether to believe it; `busy` is the load before the first measurement."""
    parts = [
        f"Written by `make bench` (`benchmarks/README.md` says how), on records of {cohort}. What is compared takes"
        " turns, so that other work on the machine slows both."
    ]
    if quick:
        parts.append("**A trial (`--quick`) with too few repetitions: these are not results.**")
    if busy > BUSY:
        parts.append(
            f"**Other work ran beside the measurements (load {busy:.1f}): ratios may hold, times do not.**"
        )
    return "\n\n".join(parts)


def write(workspace: Path, quick: bool, folder: Path) -> Path:
    """Measure, and write the document and its figures to `folder`."""
    busy = busy_cores()
    machine_grid()  # a library that is missing ends this now instead of at the end
    folder.mkdir(exist_ok=True)
    cohort = Subject.load(workspace).cohort
    found = sections(workspace, quick, folder)
    document = folder / DOCUMENT
    document.write_text(page("Benchmarks", introduction(cohort, quick, busy), found), encoding="utf-8")
    return document


def main() -> None:
    """Measure everything and write the document."""
    asked = options(__doc__)
    print(f"Written: {write(asked.workspace, asked.quick, DOCS)}")


if __name__ == "__main__":
    main()
