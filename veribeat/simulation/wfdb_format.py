"""One record as PTB-XL stores it: header text and sample bytes of a WFDB record."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veribeat.conventions import LEADS, SAMPLING_RATE, UNITS_PER_MV


@dataclass(frozen=True)
class RecordFiles:
    """Contents of NAME.hea and NAME.dat; `samples` is None when the signal file is to be missing."""

    header: str
    samples: bytes | None


def record_files(
    name: str,
    signal: NDArray[np.int16],
    *,
    leads: tuple[str, ...] = LEADS,
    sampling_rate: int = SAMPLING_RATE,
) -> RecordFiles:
    """Return the files of the WFDB record `name`; `signal` is int16 (samples, leads) at 1000 units/mV.

    Format 16 (little-endian int16, leads interleaved), one checksum per lead: its sum modulo 65536.
    """
    checksums = signal.sum(axis=0, dtype=np.int64) % 65536
    lines = [f"{name} {len(leads)} {sampling_rate} {len(signal)}"]
    lines += [
        f"{name}.dat 16 {UNITS_PER_MV:.1f}(0)/mV 16 0 {first} {checksum} 0 {lead}"
        for lead, first, checksum in zip(leads, signal[0], checksums, strict=True)
    ]
    return RecordFiles("\n".join(lines) + "\n", signal.astype("<i2").tobytes())
