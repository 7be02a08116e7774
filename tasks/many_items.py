"""Work on many items, on all cores, that `kill -9` cannot undo and whose results do not depend on who did what.

Results go to one file as they come, so that a stage that was killed does only what is missing.
"""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.params.runner import Runner
from tasks.workers import Progress, most_workers, start_worker, worker_was_killed
from veribeat.errors import InputError

FEWEST_PER_WORKER = 4
"""Items: a process takes seconds to start."""

Work = Callable[[int], NDArray[Any]]

Rows = Generator[tuple[int, NDArray[Any]], None, None]
"""Items and their rows, in the order in which they are finished."""


class Worker(Protocol):
    """What a process needs to work on items: small, because it is sent to each process, by Dask with each item."""

    def prepare(self) -> Work:
        """Load what the items share, and return the function that takes an item to its rows of results."""


class Results:
    """The rows of many items in one file, each marked once it is whole.

    Item i owns `sizes[i]` consecutive rows of `dtype`. A row is marked after it is written; both are in the page cache
    then, which outlives the process, but not a power failure.
    """

    def __init__(self, file: Path, sizes: Sequence[int], dtype: np.dtype) -> None:
        self.file = file
        self.bounds = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        self.items = sum(size > 0 for size in sizes)
        """Items with rows, which are those to be worked on."""
        row = np.dtype([("value", dtype), ("done", np.uint8)])
        rows = int(self.bounds[-1])
        if not file.exists() or file.stat().st_size != rows * row.itemsize:
            scratch = file.with_name(f"{file.name}.new")
            with scratch.open("wb") as empty:
                if rows:  # allocated now: a disk that fills up while the file is mapped would be a bus error
                    os.posix_fallocate(empty.fileno(), 0, rows * row.itemsize)
            scratch.replace(file)
        self._rows = np.memmap(file, dtype=row, mode="r+", shape=(rows,)) if rows else np.empty(0, row)

    @property
    def values(self) -> NDArray[Any]:
        """Every row, in the order of the items; zeros where an item is missing."""
        values: NDArray[Any] = self._rows["value"]
        return values

    def missing(self) -> list[int]:
        """Items whose rows are not all there."""
        done = self._rows["done"]
        pairs = zip(self.bounds[:-1], self.bounds[1:], strict=True)
        return [item for item, (start, end) in enumerate(pairs) if not done[start:end].all()]

    def store(self, item: int, rows: NDArray[Any]) -> None:
        """Keep the rows of one item."""
        start, end = self.bounds[item], self.bounds[item + 1]
        if len(rows) != end - start:
            raise ValueError(f"item {item} has {end - start} rows, not {len(rows)}")
        self._rows["value"][start:end] = rows
        self._rows["done"][start:end] = 1


def complete(
    results: Results, worker: Worker, label: str, *, threads: bool = False, runner: Runner = "local"
) -> NDArray[Any]:
    """Work on the items that `results` does not have yet; return all rows.

    Each item is worked on alone: by a process, with `threads` by a thread of this one (for code that lets go of
    Python's lock), or by a worker of Dask where that is the `runner`. `label` names the items on standard error, such
    as "attribute, records".
    """
    items = results.missing()
    progress = Progress(label, results.items, results.items - len(items))
    if not items:
        return results.values
    workers = min(most_workers(), max(1, len(items) // FEWEST_PER_WORKER))
    if runner == "dask":
        from tasks.dask_runner import rows_by_dask  # which builds on this module

        done = rows_by_dask(worker, items, results.file, workers, label)
    elif workers == 1:
        done = _rows_alone(worker, items)
    else:
        done = _rows_by_many(worker, items, workers, label, threads=threads)
    with closing(done):
        for item, rows in done:
            results.store(item, rows)
            progress.advance()
    return results.values


def _rows_alone(worker: Worker, items: Sequence[int]) -> Rows:
    work = worker.prepare()
    for item in items:
        yield item, work(item)


def _rows_by_many(worker: Worker, items: Sequence[int], workers: int, label: str, *, threads: bool) -> Rows:
    executor, call = _threads(worker, workers) if threads else _processes(worker, workers)
    waiting, running = iter(items), dict[Future[NDArray[Any]], int]()
    try:
        while True:
            # Only a few are handed out at a time, so that finished rows do not pile up in memory.
            for item in islice(waiting, 2 * workers - len(running)):
                running[executor.submit(call, item)] = item
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise worker_was_killed(label) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _threads(worker: Worker, workers: int) -> tuple[Executor, Work]:
    return ThreadPoolExecutor(workers), worker.prepare()


def _processes(worker: Worker, workers: int) -> tuple[Executor, Work]:
    # Spawned, not forked: a forked process would inherit torch's threads in an unusable state.
    executor = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start_process, initargs=(worker, os.getpid())
    )
    return executor, _work_in_process


_work: Work | Exception | None = None
"""In a worker process, what it does with an item, or why it cannot."""


def _start_process(worker: Worker, parent: int) -> None:
    global _work
    start_worker(parent)
    try:
        _work = worker.prepare()
    except InputError as error:  # raised here, it would reach nobody
        _work = error


def _work_in_process(item: int) -> NDArray[Any]:
    if isinstance(_work, Exception):
        raise _work
    assert _work is not None
    return _work(item)
