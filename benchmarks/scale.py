"""How time and memory of the stages grow with the cohort, and what a million records would need.

Writes docs/scale.md and its figure. Works in FOLDER, which needs 30 GB for 200,000 records; a run that was killed goes
on with the same command.
"""

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import BUSY, busy_cores, cores, instructions, processor
from benchmarks.scale_limits import LIMITS
from benchmarks.scale_million import million_disk_grid, million_grid
from benchmarks.scale_picture import scale_figure
from benchmarks.scale_stages import GIB, MOST_SIMULATED, Bench, Ledger, measure_all
from benchmarks.scale_tables import (
    attributions_grid,
    bytes_grid,
    limit_grid,
    prototypes_grid,
    rates_grid,
    stages_grid,
)
from benchmarks.tables import Grid, Section, page
from veribeat.plots.style import SIMULATED_BANNER, save_png

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT, PICTURE = "scale.md", "scale.png"
WITHOUT_BFLOAT16 = " (in float32, because this processor has to emulate the preset's bfloat16)"
LIBRARIES = ("numba", "numpy", "pandas", "pyarrow", "pytorch-lightning", "torch", "wfdb")


def machine_grid() -> Grid:
    """Processor, memory and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    rows = [
        ("processor", processor()),
        ("cores", str(cores())),
        ("vector instructions", instructions()),
        ("memory, GiB", f"{memory / GIB:.0f}"),
        ("Linux", platform.release().partition("-")[0]),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in LIBRARIES),
    ]
    return Grid("Machine and versions", ("machine or library", "name or version"), tuple(rows), texts=2)


def default_precision() -> str:
    """That of the preset `fast`, but where the processor has to emulate it: it would take five times as long then."""
    return "bfloat16" if "AVX512" in instructions() else "float32"


def command(asked: argparse.Namespace) -> str:
    """What measures the same again."""
    numbers = {"records": asked.records, "candidates": asked.candidates, "explained": [asked.explained]}
    options = (f"--{name} {' '.join(map(str, values))}" for name, values in numbers.items())
    return " ".join(("python -m benchmarks.scale FOLDER", *options))


def introduction(asked: argparse.Namespace, busy: float) -> str:
    """What was measured on what; `busy` is the load before the first measurement."""
    simulated, explained = asked.simulated, asked.explained
    copied = [size for size in asked.records if size > simulated]
    parts = [
        f"Written by `{command(asked)}`. Each stage runs as DVC runs it, as a process of its own in a"
        " workspace, on simulated records. The classifier is `cnn_gru_flow`, trained for one epoch by the preset"
        f" `fast`{'' if asked.precision == 'bfloat16' else WITHOUT_BFLOAT16}; its thresholds are then set so that each"
        " record is predicted NORM and nothing else, so that the work of what follows does not depend on how little was"
        " learnt."
    ]
    if copied:
        names = " and ".join(f"{size:,}" for size in copied)
        parts.append(
            f"The cohort of {names} records is made of copies of the {simulated:,} that were simulated, each with files"
            " (not links), numbers and patients of its own: reading, training and explaining take what so many"
            " different records take. Its files were written shortly before, so that some or all of them were still"
            " in memory when `ingest` read them."
        )
    if explained < asked.records[-1]:
        parts.append(f"Attributions and prototypes were measured in cohorts of up to {explained:,} records.")
    if busy > BUSY:
        parts.append(f"**Other work ran beside the measurements (load {busy:.1f}): times do not hold.**")
    return "\n\n".join(parts)


def sections(ledger: Ledger) -> list[Section]:
    """All tables."""
    extrapolated = [grid for grid in (million_grid(ledger),) if grid is not None]
    return [
        Section("Machine", "", (machine_grid(),)),
        Section("Memory", "", (limit_grid(ledger),)),
        Section("Growth", "", (stages_grid(ledger), rates_grid(ledger)), (PICTURE,)),
        Section("Explanations", "", (attributions_grid(ledger), prototypes_grid(ledger))),
        Section("Disk", "", (bytes_grid(ledger),)),
        Section("What a million records would need", "", (*extrapolated, million_disk_grid(ledger))),
        Section("Limits", LIMITS, ()),
    ]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """From the command line; a size that cannot be made is an error."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="for cohorts, workspaces and the ledger")
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 20_000, 200_000])
    parser.add_argument("--candidates", type=int, nargs="*", default=[250, 500, 1000])
    parser.add_argument("--simulated", type=int, help="records of the largest cohort that is not of copies")
    parser.add_argument("--explained", type=int, help="records of the largest cohort that is explained, too")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default=default_precision())
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the document goes (default: docs)")
    asked = parser.parse_args(arguments)
    asked.records, asked.candidates = sorted(set(asked.records)), sorted(set(asked.candidates))
    if asked.simulated is None:
        small = [size for size in asked.records if size <= MOST_SIMULATED]
        asked.simulated = max(small, default=MOST_SIMULATED)
    if asked.explained is None:
        asked.explained = asked.records[-1]
    if asked.explained < asked.records[0]:
        parser.error(f"--explained {asked.explained} leaves no cohort to explain")
    odd = [size for size in asked.records if size > asked.simulated and size % asked.simulated]
    if odd:
        parser.error(f"{odd[0]} records are not a multiple of the {asked.simulated} that are simulated")
    return asked


def write(ledger: Ledger, text: str, folder: Path) -> Path:
    """The document and its figure."""
    folder.mkdir(exist_ok=True)
    save_png(scale_figure(ledger, SIMULATED_BANNER), folder / PICTURE)
    document = folder / DOCUMENT
    document.write_text(page("Scale", text, sections(ledger)), encoding="utf-8")
    return document


def main() -> None:
    """Measure, print and write."""
    asked = options()
    busy = busy_cores()
    bench = Bench.at(asked.folder, asked.precision)
    measure_all(bench, asked.records, asked.candidates, asked.simulated, asked.explained)
    for section in sections(bench.ledger):
        for grid in section.grids:
            grid.show(bench.console)
    text = introduction(asked, busy)
    print(f"Written: {write(bench.ledger, text, asked.docs)}")


if __name__ == "__main__":
    main()
