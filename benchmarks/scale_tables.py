"""The tables of docs/scale.md: what was measured, and what one record more takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.scale_stages import DRAWS, FULL_DRAWS, GIB, LIMIT, LIMITED, Ledger, Measured
from benchmarks.tables import Grid, significant

STAGES = ("simulate", "ingest", "split", "train", "calibrate", "attribute")
"""Measured by the number of records, in the order in which they run."""

WORKED_ON = {
    "simulate": "all",
    "ingest": "all; those kept are counted",
    "split": "training folds (7 of 10)",
    "train": "training folds, one epoch; validates on one fold",
    "calibrate": "folds 8, 9 and 10",
    "attribute": f"fold 10, {DRAWS} draws, one class each",
}


@dataclass(frozen=True)
class Line:
    """What grows as a straight line: through the two largest sizes that were measured."""

    size: int
    value: float
    slope: float

    @classmethod
    def through(cls, sizes: Sequence[int], values: Sequence[float]) -> "Line":
        """Sizes ascending, at least two; what seems to fall is taken to stay."""
        if len(sizes) < 2:
            raise ValueError("a line needs two sizes")
        slope = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
        return cls(sizes[-1], values[-1], max(slope, 0.0))

    def at(self, size: int) -> float:
        """The value at another size."""
        return self.value + (size - self.size) * self.slope


def gib(size: float) -> str:
    """Bytes in GiB."""
    return significant(size / GIB)


def growth_line(entries: Sequence[Measured], value: Callable[[Measured], float]) -> Line | None:
    """Of a value by the number of records; None where fewer than two sizes were measured to their end."""
    whole = [entry for entry in entries if not entry.usage.beyond_limit]
    if len(whole) < 2:
        return None
    return Line.through([entry.records for entry in whole], [value(entry) for entry in whole])


def processor_seconds(entry: Measured) -> float:
    """Of one measurement."""
    return entry.usage.processor_seconds


def peak_kept(entry: Measured) -> float:
    """Of one measurement, bytes."""
    return float(entry.usage.peak_kept)


def limit_grid(ledger: Ledger) -> Grid:
    """Whether the stages that have a limit stayed within it, at the largest size."""
    rows = []
    records = max(entry.records for entry in ledger.entries)
    for stage in LIMITED:
        name = "train, one epoch" if stage == "train" else stage
        largest = ledger.find(stage, records)
        if largest is None:
            rows.append((name, "not run", f"{records:,}", "", ""))
            continue
        usage = largest.usage
        answer = "no: it was stopped" if usage.beyond_limit else "yes" if usage.peak_kept <= LIMIT else "no"
        rows.append((name, answer, f"{records:,}", gib(usage.peak_kept), gib(usage.peak_resident)))
    return Grid(
        f"Within {LIMIT // GIB} GiB",
        ("stage", f"within {LIMIT // GIB} GiB", "records", "peak, GiB", "peak with mapped files, GiB"),
        tuple(rows),
        "The peak is of anonymous and shared memory, summed over all processes of the stage. A stage beyond the limit"
        " would have been killed. Mapped files (signals.npy, libraries) count once for each process that maps them;"
        " the kernel writes them back and drops them when others need the room.",
        texts=2,
    )


def stages_grid(ledger: Ledger) -> Grid:
    """Every stage at every size."""
    rows = []
    for stage in STAGES:
        for entry in ledger.of(stage):
            usage = entry.usage
            rows.append(
                (
                    stage,
                    f"{entry.records:,}",
                    f"{entry.items:,}",
                    significant(usage.seconds),
                    significant(usage.processor_seconds),
                    gib(usage.peak_kept),
                    gib(usage.peak_resident),
                    str(usage.processes),
                )
            )
    return Grid(
        "Stages by number of records",
        (
            "stage",
            "records",
            "of these worked on",
            "s",
            "processor s",
            "peak, GiB",
            "with mapped files, GiB",
            "most processes",
        ),
        tuple(rows),
        "Each run once, as a process of its own; starting and importing included. Worked on: "
        + "; ".join(f"{stage}: {what}" for stage, what in WORKED_ON.items())
        + ".",
    )


def rates_grid(ledger: Ledger) -> Grid:
    """What one record more takes, by stage."""
    rows = []
    for stage in STAGES:
        entries = ledger.of(stage)
        time, memory = growth_line(entries, processor_seconds), growth_line(entries, peak_kept)
        if time is None or memory is None:
            continue
        share = entries[-1].items / entries[-1].records
        per_core = significant(share / time.slope) if time.slope else "-"
        rows.append((stage, significant(1000 * time.slope), per_core, significant(memory.slope / 1000)))
    return Grid(
        "One record more",
        (
            "stage",
            "processor ms per record of the cohort",
            "records worked on per second and core",
            "memory, kB per record of the cohort",
        ),
        tuple(rows),
        "Slopes between the two largest sizes: without what a stage takes to start.",
    )


def attributions_grid(ledger: Ledger) -> Grid:
    """Attributions with few draws and with all."""
    rows = []
    for label, draws in (("attribute", DRAWS), ("attribute-full", FULL_DRAWS)):
        for entry in ledger.of(label):
            per_draw = entry.usage.processor_seconds / (entry.items * draws)
            rows.append(
                (
                    f"{entry.records:,}",
                    f"{entry.items:,}",
                    str(draws),
                    significant(entry.usage.seconds),
                    significant(entry.usage.processor_seconds),
                    significant(1000 * per_draw),
                    gib(entry.usage.peak_kept),
                )
            )
    return Grid(
        "Attributions",
        (
            "records",
            "of these in the pool",
            "draws",
            "s",
            "processor s",
            "processor ms per record and draw",
            "peak, GiB",
        ),
        tuple(rows),
        f"Expected gradients of one class per record. params.yaml asks for {FULL_DRAWS} draws; fewer show how memory"
        " grows in less time. ms per record and draw contain the start of the processes and the logits of pool and"
        " background, which weigh more where draws are few.",
        texts=0,
    )


def prototypes_grid(ledger: Ledger) -> Grid:
    """Prototypes by the number of candidates."""
    rows = []
    entries = ledger.of("prototypes")
    for before, entry in zip([None, *entries], entries, strict=False):
        usage, more = entry.usage, pairs(entry.items) - (pairs(before.items) if before else 0)
        taken = usage.seconds - before.usage.seconds if before else None
        used = usage.processor_seconds - before.usage.processor_seconds if before else None
        rows.append(
            (
                f"{entry.items:,}",
                f"{pairs(entry.items):,}",
                significant(usage.seconds),
                significant(usage.processor_seconds),
                "" if taken is None else significant(1000 * taken / more),
                "" if used is None else significant(1000 * used / more),
                gib(usage.peak_kept),
                gib(usage.peak_resident),
            )
        )
    records = f"{entries[-1].records:,}" if entries else "no"
    return Grid(
        "Prototypes by number of candidates",
        (
            "candidates",
            "pairs",
            "s",
            "processor s",
            "ms per pair more",
            "processor ms per pair more",
            "peak, GiB",
            "with mapped files, GiB",
        ),
        tuple(rows),
        f"In the cohort of {records} records, all candidates of one superclass: n (n - 1) / 2 pairs. What a pair more"
        " takes is the difference to the row above: predictions for the pool, which choose the candidates, are in"
        " every row; embeddings and clusters grow, too.",
        texts=0,
    )


def seconds_per_pair(ledger: Ledger) -> float | None:
    """Processor seconds of a pair more, by the two largest numbers of candidates."""
    entries = ledger.of("prototypes")[-2:]
    if len(entries) < 2:
        return None
    fewer, more = entries
    used = more.usage.processor_seconds - fewer.usage.processor_seconds
    return used / (pairs(more.items) - pairs(fewer.items))


def pairs(candidates: int) -> int:
    """Of which distances are taken."""
    return candidates * (candidates - 1) // 2


def bytes_grid(ledger: Ledger) -> Grid:
    """What a record takes on the disk."""
    source, ingest = ledger.of("source")[-1], ledger.of("ingest")[-1]
    attribute = ledger.of("attribute")
    rows = [
        ("the PTB-XL folder: records100", source.outputs["records100"] / source.items),
        ("the same in blocks of the disk", source.outputs["on disk"] / source.items),
        ("ptbxl_database.csv", source.outputs["ptbxl_database.csv"] / source.items),
        ("out/ingest/signals.npy", ingest.outputs.get("signals.npy", 0) / max(ingest.items, 1)),
        ("out/ingest/records.parquet", ingest.outputs.get("records.parquet", 0) / max(ingest.items, 1)),
    ]
    if attribute:
        written = attribute[-1].outputs.get("attributions.h5", 0) / max(attribute[-1].items, 1)
        rows.append(("out/attribute/attributions.h5, of a record of the pool and class", written))
    return Grid(
        "Bytes per record",
        ("file", "bytes"),
        tuple((name, f"{value:,.1f}" if value < 1000 else f"{value:,.0f}") for name, value in rows),
        "signals.npy is int16 (1000, 12): 24,000 bytes. While `ingest` runs, a scratch file of the same size is beside"
        " it; while `attribute` runs, one like attributions.h5. DVC's cache holds each output once more, unless the"
        " file system can share blocks.",
    )
