"""Work on many items by Dask's workers: the same bytes whoever works, also when some are killed meanwhile.

Where the workers are is for Dask's own configuration to say (DASK_SCHEDULER_ADDRESS); by default this machine starts
some for the length of the run.
"""

import io
import logging
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from types import FunctionType
from typing import Any

from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from tasks.many_items import Rows, Work, Worker
from tasks.stage import code_digests
from tasks.workers import WORKERS
from veribeat.errors import InputError

AT_ONCE = 2
"""Items that are handed out per worker: one at work and one that waits, so that finished rows do not pile up."""

SECONDS_WITHOUT_WORKERS = 60.0
"""How long a run waits for a first worker, and goes on when the last one has gone."""

SILENT = logging.CRITICAL
"""Of Dask's own logs: what matters in them is an exception here, or the line below about a worker that has gone."""

NOT_UNDERSTOOD = "Error during deserialization"
"""How the words begin of the RuntimeError of a scheduler that cannot import this module."""

NUMERIC = ("h5py", "neurokit2", "numba", "numpy", "pandas", "scikit-learn", "scipy", "torch")
"""Packages whose versions results may depend on."""


@dataclass(frozen=True)
class Order:
    """What Dask's workers are told with every item."""

    run: str
    """Another for each run, whose inputs may be others: a worker prepares itself once for each."""
    worker: bytes = field(compare=False)
    """The `Worker`, by `_pickled`."""
    folder: str = field(compare=False)
    """The current folder, because the worker's paths may be relative."""
    file: str = field(compare=False)
    """One that is there while the run lasts, and not in a copy of the folder: the rows of results."""
    likeness: dict[str, str] = field(compare=False)
    """What a worker must have in common with the process that sends this; see `likeness`."""
    blas_threads: int = field(compare=False)
    """Threads of numpy's and scipy's BLAS, on which sums may depend; Dask gives its workers one."""


def rows_by_dask(worker: Worker, items: Sequence[int], file: Path, workers: int, label: str) -> Rows:
    """Each of `items` with its rows of results, in the order in which they are finished.

    `file` is that of the results. `workers` processes are started where Dask's configuration names no scheduler.

    Raises:
        InputError: Dask is not installed; no scheduler or no worker is there, or none any more; a worker is unlike
            this process or does not see its files; or a worker raised it.
    """
    order = Order(
        os.urandom(8).hex(), _pickled(worker), str(Path.cwd()), str(file), likeness(), _blas_threads()
    )
    with _connected(workers) as client:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            yield from _rows(client, order, items, label)
        except KilledWorker as error:
            raise InputError(
                f"{label}: one worker after the other was killed at the same item, probably for want of memory: run"
                f" again with fewer at a time ({WORKERS}=1, or fewer Dask workers on a machine)."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise InputError(
                f"{label}: the connection to Dask's scheduler was lost: run again, and finished items are kept."
            ) from error
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and NOT_UNDERSTOOD not in str(error):
                raise
            raise InputError(
                f"{label}: Dask's scheduler or workers cannot import what is to be run: start them in the environment"
                " of this process, with the same code."
            ) from error


def _rows(client: Any, order: Order, items: Sequence[int], label: str) -> Rows:
    from distributed import wait

    waiting, running = iter(items), dict[Any, int]()
    workers: set[str] = set()
    while True:
        before, workers = workers, _workers(client)  # which may come and go
        for address in sorted(before - workers):
            text = f"{label}: the Dask worker {address} has gone; others do its items again"
            print(text, file=sys.stderr, flush=True)
        for item in islice(waiting, max(0, AT_ONCE * max(1, len(workers)) - len(running))):
            running[client.submit(_work_on, order, item, key=f"{label}-{item}-{order.run}")] = item
        if not running:
            return
        first = partial(wait, list(running), return_when="FIRST_COMPLETED")
        for future in _patiently(client, first, label).done:
            if future.status == "error":
                future.result()  # raises what the worker has raised
            yield running.pop(future), _patiently(client, future.result, label)


def _patiently(client: Any, call: Callable[..., Any], label: str) -> Any:
    """What `call` returns, however long it takes while there are workers: what it asks for may have gone with one."""
    while True:
        try:
            return call(timeout=SECONDS_WITHOUT_WORKERS)
        except TimeoutError as error:
            if not _workers(client):
                raise InputError(
                    f"{label}: no Dask worker is left (one that cannot import this code ends): start some in this"
                    " environment and run again, and finished items are kept."
                ) from error


def _workers(client: Any) -> set[str]:
    """Addresses of the workers; raises CancelledError, as what is asked of a lost scheduler does elsewhere."""
    try:
        return set(client.nthreads())
    except OSError as error:
        raise CancelledError from error


@contextmanager
def _connected(workers: int) -> Iterator[Any]:
    """A client of the scheduler that Dask's configuration names, or of `workers` processes for just this long."""
    try:
        import dask
        import distributed
    except ModuleNotFoundError as error:
        raise InputError(
            "'runner' is dask, but Dask is not installed: pip install 'veribeat[dask]', or set it to local."
        ) from error
    logging.getLogger("distributed").setLevel(SILENT)
    with ExitStack() as stack:
        if any(dask.config.get(key, None) for key in ("scheduler-address", "scheduler-file")):
            yield stack.enter_context(_client_elsewhere())
        else:
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,  # as without Dask, which would pause and end workers for their size
                dashboard_address=None,
                # The scheduler has a page all the same: on any free port, not on 8787 or with a warning.
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs=SILENT,
                security=True,  # without it other users of this machine could run code through the open port
            )
            stack.enter_context(cluster)
            yield stack.enter_context(distributed.Client(cluster))


def _client_elsewhere() -> Any:
    """A client of the scheduler that Dask's configuration names, which has a worker."""
    import dask
    from distributed import Client

    address = dask.config.get("scheduler-address", None) or dask.config.get("scheduler-file")
    try:
        client = Client()
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise InputError(
            f"Dask's scheduler at {address} cannot be reached: start it ('dask scheduler'), or set"
            " DASK_SCHEDULER_ADDRESS to where it is."
        ) from error
    try:
        client.wait_for_workers(1, timeout=SECONDS_WITHOUT_WORKERS)
    except TimeoutError as error:
        client.close()
        raise InputError(
            f"Dask's scheduler at {address} has no workers: start some ('dask worker {address} --nthreads 1')."
        ) from error
    return client


def likeness() -> dict[str, str]:
    """What results may depend on besides their inputs, by name: interpreter, packages, instruction set and code."""
    import torch  # here, because not every stage takes the seconds to import it

    # Of numpy alone: scipy's, which is for the same processor, may not be loaded yet.
    kernels = {each.get("architecture", "") for each in _blas() if "numpy" in each["filepath"]}
    return {
        "Python": " ".join(sys.version.split()),
        **{name: version(name) for name in NUMERIC},
        "instruction set of torch": torch.backends.cpu.get_cpu_capability(),
        "BLAS of numpy": " ".join(sorted(kernels)),
        **code_digests(),
    }


def _blas() -> list[dict[str, Any]]:
    return [each for each in threadpool_info() if each["user_api"] == "blas"]


def _blas_threads() -> int:
    return max((int(each["num_threads"]) for each in _blas()), default=1)


def _work_on(order: Order, item: int) -> NDArray[Any]:
    """In a worker: the rows of one item."""
    from distributed import get_worker

    own = get_worker()
    _check_alike(order, own.address, own.state.nthreads)
    with _in_folder(order, own.address):
        return _prepared(order, threading.get_ident())(item)


def _check_alike(order: Order, address: str, threads: int) -> None:
    if threads != 1:
        raise InputError(
            f"The Dask worker {address} has {threads} threads, but items need a process each: start workers with"
            " '--nthreads 1', and more of them."
        )
    own = _own_likeness()
    for name in sorted({*order.likeness, *own}):
        here, there = order.likeness.get(name, "missing"), own.get(name, "missing")
        if here != there:
            raise InputError(
                f"The Dask worker {address} might not give the same bytes ({name}: {there} there, {here} here): start"
                " it again in the environment of this process, on the same kind of machine."
            )


@cache
def _own_likeness() -> dict[str, str]:
    """In a worker: `likeness` when its process began to work, because it goes on with the code that it has loaded."""
    return likeness()


@contextmanager
def _in_folder(order: Order, address: str) -> Iterator[None]:
    """Work in the sender's folder, which holds for the process; a worker has one thread that works."""
    if not Path(order.folder, order.file).is_file():
        raise InputError(
            f"The Dask worker {address} does not see {Path(order.folder, order.file)}: the workspace must be on a file"
            " system that both share, at the same path."
        )
    with chdir(order.folder):
        yield


@lru_cache(maxsize=1)
def _prepared(order: Order, thread: int) -> Work:
    """In a worker: what `order` does with an item. Torch has settings of the thread, hence `thread`, its number."""
    import torch

    torch.set_flush_denormal(False)  # as in a new process, whatever this one did before
    worker: Worker = _Unpickler(io.BytesIO(order.worker)).load()
    # Twice, because it holds only for what is loaded.
    threadpool_limits(order.blas_threads, user_api="blas")
    work = worker.prepare()
    threadpool_limits(order.blas_threads, user_api="blas")
    return work


def _pickled(worker: Worker) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream).dump(worker)
    return stream.getvalue()


class _Pickler(pickle.Pickler):
    """Calls what `python -m tasks.STAGE` has defined by the name of its module: `__main__` is another elsewhere."""

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        main = sys.modules["__main__"].__spec__
        if main is not None and isinstance(obj, type | FunctionType) and obj.__module__ == "__main__":
            return main.name, obj.__qualname__
        return None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        return self.find_class(*pid)
