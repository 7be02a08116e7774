"""Workers of `tasks.many_items` whose items can be counted, that fail, or that end; each is sent to other processes."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.many_items import Work
from veribeat.errors import InputError

ROW = np.dtype([("item", np.int64), ("part", np.int64)])
SIZES = [2, 0, 1, 3, 1, 1, 2, 1, 1, 1]


@dataclass(frozen=True)
class Counting:
    """Notes each item that it works on in a folder."""

    folder: Path
    seconds: float = 0.0

    def prepare(self) -> Work:
        def work(item: int) -> NDArray[np.void]:
            (self.folder / f"{item}.{os.getpid()}").touch()
            time.sleep(self.seconds)
            return np.array([(item, part) for part in range(SIZES[item])], ROW)

        return work


@dataclass(frozen=True)
class Failing:
    def prepare(self) -> Work:
        def work(item: int) -> NDArray[np.void]:
            raise InputError(f"item {item} is bad")

        return work


@dataclass(frozen=True)
class Unprepared:
    """Cannot even begin."""

    def prepare(self) -> Work:
        raise InputError("the model is damaged")


@dataclass(frozen=True)
class Killed:
    """Ends its process as the kernel does when memory is short."""

    def prepare(self) -> Work:
        def work(item: int) -> NDArray[np.void]:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return work


def worked_on(folder: Path) -> list[int]:
    return sorted(int(file.name.split(".")[0]) for file in folder.iterdir())


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition, and fail where it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
