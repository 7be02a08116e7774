"""Processes that must not outlive the one that started them."""

import os
import threading
import time

SECONDS = 0.5
"""Between two looks."""


def end_with(parent: int) -> None:
    """End this process when `parent`, the process that started it, has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
