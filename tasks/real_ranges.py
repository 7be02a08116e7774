"""What real records look like, as a file: amplitudes and intervals, which counterfactuals are compared with."""

import json
from pathlib import Path

import numpy as np

from tasks.explained import Explained
from tasks.stage import write_json
from veribeat.conventions import LEADS
from veribeat.counterfactual.plausibility import (
    INTERVALS,
    AmplitudeRange,
    IntervalRange,
    amplitude_range,
    interval_range,
)
from veribeat.errors import InputError

RANGES = "real_ranges.json"


def write_ranges(path: Path, explained: Explained, intervals_from: int) -> None:
    """Write the amplitudes and intervals of the pool's records."""
    pool = explained.rows("pool")
    amplitudes = amplitude_range(explained.signals, pool)
    between = interval_range(explained.signals_mv(pool[:intervals_from]))
    content = {
        "amplitudes_mv": {
            lead: [float(low), float(high)]
            for lead, low, high in zip(LEADS, amplitudes.low_mv, amplitudes.high_mv, strict=True)
        },
        "intervals_samples": {
            name: [round(float(low), 3), round(float(high), 3)]
            for name, low, high in zip(INTERVALS, between.low, between.high, strict=True)
        },
    }
    write_json(path, content)


def read_ranges(path: Path) -> tuple[AmplitudeRange, IntervalRange]:
    """What `write_ranges` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        amplitudes = np.array([content["amplitudes_mv"][lead] for lead in LEADS], dtype=np.float64)
        between = np.array([content["intervals_samples"][name] for name in INTERVALS], dtype=np.float64)
        return AmplitudeRange(*amplitudes.T), IntervalRange(*between.T)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or damaged ({error}): run 'veribeat run' again.") from error
