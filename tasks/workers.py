"""Worker processes of a stage: how many, how each begins, and what is said of their progress."""

import os
import signal
import sys
import time

from tasks.parent import end_with
from veribeat.errors import InputError

WORKERS = "VERIBEAT_WORKERS"
"""Environment variable: number of workers, where it should not be the number of cores. No result depends on it."""

SECONDS_BETWEEN_REPORTS = 15


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most_workers() -> int:
    """The number of cores that this process may use, or what the environment says; raises InputError for nonsense."""
    chosen = os.environ.get(WORKERS)
    if chosen is None:
        return available_cores()
    if not chosen.isdecimal() or int(chosen) < 1:
        raise InputError(f"{WORKERS} is '{chosen}', but it should be a number of processes, 1 or more.")
    return int(chosen)


def start_worker(parent: int) -> None:
    """In a worker process: leave Ctrl-C to `parent`, which started it, and end when that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)  # or it would wait for ever


def worker_was_killed(label: str) -> InputError:
    """What to raise from a BrokenProcessPool; `label` names the stage and what it counts."""
    return InputError(
        f"{label}: a worker process was killed, probably for want of memory: run again with fewer ({WORKERS}=1)."
    )


class Progress:
    """A line on standard error now and then: how far, and about how long still.

    `label` names the stage and what it counts, such as "attribute, records"; `done` of the `total` were there before.
    """

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self.label, self.total, self.done = label, total, done
        self.before = done
        self.started = self.reported = time.monotonic()
        if done:
            print(f"{label}: going on after {done:,} of {total:,}", file=sys.stderr, flush=True)

    def advance(self, items: int = 1) -> None:
        """Count that many items more."""
        self.done += items
        now = time.monotonic()
        if self.done == self.total or now - self.reported >= SECONDS_BETWEEN_REPORTS:
            self.reported = now
            left = (now - self.started) / (self.done - self.before) * (self.total - self.done)
            text = f"{self.label}: {self.done:,} of {self.total:,}"
            print(f"{text}, about {left / 60:.1f} min left" if left else text, file=sys.stderr, flush=True)
