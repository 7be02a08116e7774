"""What a million records would need, by what was measured of fewer."""

from benchmarks.scale_stages import DRAWS, FULL_DRAWS, Ledger
from benchmarks.scale_tables import (
    STAGES,
    gib,
    growth_line,
    pairs,
    peak_kept,
    processor_seconds,
    seconds_per_pair,
)
from benchmarks.tables import Grid, significant
from veribeat.conventions import SUPERCLASSES

MILLION = 1_000_000
CANDIDATES = 1000
"""Of each superclass, as `prototypes.most_candidates` may ask for."""


def seconds_per_draw(ledger: Ledger) -> float | None:
    """Processor seconds of a record for one more draw, from the size at which both were measured."""
    for full in ledger.of("attribute-full"):
        few = ledger.find("attribute", full.records)
        if few is not None:
            more = full.usage.processor_seconds - few.usage.processor_seconds
            return more / (full.items * (FULL_DRAWS - DRAWS))
    return None


def million_grid(ledger: Ledger) -> Grid | None:
    """Extrapolated to a million records; None where fewer than two sizes were measured."""
    rows = []
    for stage in STAGES[1:]:  # real records need no simulation
        entries = ledger.of(stage)
        time, memory = growth_line(entries, processor_seconds), growth_line(entries, peak_kept)
        if time is None or memory is None:
            return None
        rows.append(
            (
                f"{stage}, {DRAWS} draws" if stage == "attribute" else stage,
                significant(time.at(MILLION) / 3600),
                gib(memory.at(MILLION)),
            )
        )
        per_draw = seconds_per_draw(ledger)
        if stage == "attribute" and per_draw is not None:
            pool = MILLION * entries[-1].items / entries[-1].records
            full = time.at(MILLION) + pool * (FULL_DRAWS - DRAWS) * per_draw
            rows.append((f"attribute, {FULL_DRAWS} draws", significant(full / 3600), gib(memory.at(MILLION))))
    per_pair = seconds_per_pair(ledger)
    if per_pair is not None:
        distances = len(SUPERCLASSES) * pairs(CANDIDATES) * per_pair
        name = f"prototypes, {CANDIDATES:,} candidates of each superclass"
        rows.append((name, significant(distances / 3600), ""))
    return Grid(
        "A million records, extrapolated",
        ("stage", "processor hours", "peak, GiB"),
        tuple(rows),
        "Not measured. y(1,000,000) = y(b) + (1,000,000 - b) (y(b) - y(a)) / (b - a), where a and b are the two largest"
        f" sizes that were measured, and y is processor time or peak memory. With {FULL_DRAWS} draws: that, and the"
        f" records of the pool times {FULL_DRAWS - DRAWS} draws times what a draw more took in the smallest cohort."
        " Prototypes: pairs times what a pair more took; the predictions that choose the candidates come on top."
        " Training: one epoch; `fast` has 16. Stages that work on several cores at a time take that much less of wall"
        " time.",
    )


def million_disk_grid(ledger: Ledger) -> Grid:
    """Room on the disk for a million records."""
    source, ingest = ledger.of("source")[-1], ledger.of("ingest")[-1]
    rows = [
        ("the PTB-XL folder, in blocks of the disk", source.outputs["on disk"] / source.items),
        ("out/ingest", sum(ingest.outputs.values()) / max(ingest.items, 1)),
    ]
    attribute = ledger.of("attribute")
    if attribute:
        rows.append(("out/attribute", sum(attribute[-1].outputs.values()) / attribute[-1].records))
    return Grid(
        "Disk for a million records, extrapolated",
        ("folder", "GiB"),
        tuple((name, gib(MILLION * value)) for name, value in rows),
        "Not measured: bytes per record of the largest cohort times a million.",
    )
