"""One explanation in a process of its own: where the time of the first one goes, as JSON.

Only `explain_latency` starts this; `--attributions` includes them, `--started` is when it was started (Unix time).
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path


def main() -> None:
    """Import, load, explain a record, print the seconds of each, and those since the start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--method", required=True)
    parser.add_argument("--attributions", action="store_true")
    parser.add_argument("--started", type=float, required=True)
    options = parser.parse_args()

    marks = [time.perf_counter()]
    from benchmarks.subject import Subject  # what it imports is measured

    marks.append(time.perf_counter())
    subject = Subject.load(options.workspace)
    (signal,) = subject.records("query", 1)
    marks.append(time.perf_counter())
    subject.explain_array(signal, options.method, attributions=options.attributions)
    marks.append(time.perf_counter())
    imports, load, first = (after - before for before, after in pairwise(marks))
    print(
        json.dumps({"imports": imports, "load": load, "first": first, "all": time.time() - options.started})
    )


if __name__ == "__main__":
    main()
