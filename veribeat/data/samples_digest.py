"""What stands for the samples of a record: in a release, and to find one recording under two ids."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def samples_digest(signal: NDArray[np.int16]) -> str:
    """SHA-256 of the samples (1000, 12) of one record, little endian, in the units of `signal.stored_units`."""
    return hashlib.sha256(signal.astype("<i2").tobytes()).hexdigest()
