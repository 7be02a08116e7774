"""The figure of docs/scale.md."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.axes import MARKERS, logarithmic
from benchmarks.scale_stages import GIB, LIMIT, Ledger, Measured
from benchmarks.scale_tables import STAGES
from veribeat.plots.style import GREY, SUPERCLASS_COLOURS, TRAINING_COLOUR, add_banner, drawing, new_figure

COLOURS = (*SUPERCLASS_COLOURS.values(), TRAINING_COLOUR)


def scale_figure(ledger: Ledger, banner: str | None) -> Figure:
    """Processor time and peak memory: of stages by records, of prototypes by candidates."""
    with drawing():
        figure = new_figure(11, 7.5)
        (time, memory), (prototypes_time, prototypes_memory) = figure.subplots(2, 2)
        for stage, colour, marker in zip(STAGES, COLOURS, (MARKERS * 2)[: len(STAGES)], strict=True):
            entries = ledger.of(stage)
            sizes = [entry.records for entry in entries]
            _line(time, sizes, entries, _seconds, colour, marker, stage)
            _line(memory, sizes, entries, _gib, colour, marker, stage)
        memory.axhline(LIMIT / GIB, color=GREY, linestyle="dashed", label=f"{LIMIT // GIB} GiB")
        entries = ledger.of("prototypes")
        candidates = [entry.items for entry in entries]
        _line(prototypes_time, candidates, entries, _seconds, COLOURS[0], "o", None)
        _line(prototypes_memory, candidates, entries, _gib, COLOURS[0], "o", None)
        sizes = sorted({entry.records for stage in STAGES for entry in ledger.of(stage)})
        for axes, ticks in (
            (time, sizes),
            (memory, sizes),
            (prototypes_time, candidates),
            (prototypes_memory, candidates),
        ):
            logarithmic(axes)
            low, high = axes.get_ylim()
            axes.set_ylim(low / 1.5, high * 1.5)  # what hardly grows must not look as if it did
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axes.xaxis.minorticks_off()
        time.set(xlabel="records", ylabel="processor s", title="Time of stages")
        memory.set(xlabel="records", ylabel="peak, GiB, without mapped files", title="Memory of stages")
        prototypes_time.set(xlabel="candidates", ylabel="processor s", title="Time of prototypes")
        prototypes_memory.set(
            xlabel="candidates", ylabel="peak, GiB, without mapped files", title="Memory of prototypes"
        )
        handles, labels = memory.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        add_banner(figure, banner)
    return figure


def _line(
    axes: Axes,
    sizes: Sequence[int],
    entries: Sequence[Measured],
    value: Callable[[Measured], float],
    colour: str,
    marker: str,
    label: str | None,
) -> None:
    axes.plot(sizes, [value(entry) for entry in entries], marker=marker, color=colour, label=label)


def _seconds(entry: Measured) -> float:
    return entry.usage.processor_seconds


def _gib(entry: Measured) -> float:
    return entry.usage.peak_kept / GIB
