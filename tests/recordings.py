"""Recordings of any rate and length, computed and not resampled, WFDB files of them in any guise, and refusals."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from veribeat.conventions import LEADS
from veribeat.data.any_record import read_any_record
from veribeat.errors import InputError
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead

WAVES = (
    (-0.17, 0.03, 0.15),
    (-0.03, 0.017, -0.1),
    (0.0, 0.017, 1.0),
    (0.035, 0.017, -0.25),
    (0.25, 0.04, 0.3),
)
"""P, Q, R, S and T of one beat: time in s, width (standard deviation) in s, height in mV."""

BEAT_S = 0.83


def ecg(rate: float, seconds: float = 10.0) -> NDArray[np.float64]:
    """12 leads in mV (samples, 12) of a regular rhythm without noise, with nothing worth mentioning above 40 Hz."""
    times = np.arange(round(rate * seconds)) / rate
    phase = (times + 0.3) % BEAT_S - 0.4
    random = np.random.default_rng(3)
    leads = {}
    for name in LEADS:
        if name not in FROM_I_AND_II:
            heights = random.uniform(0.5, 1.3, len(WAVES))
            leads[name] = np.sum(
                [
                    scale * height * np.exp(-(((phase - centre) / width) ** 2) / 2)
                    for scale, (centre, width, height) in zip(heights, WAVES, strict=True)
                ],
                axis=0,
            )
    leads |= {name: limb_lead(name, leads["I"], leads["II"]) for name in FROM_I_AND_II}
    return np.stack([leads[name] for name in LEADS], axis=1)


def write_recording(
    folder: Path,
    name: str,
    signals_mv: NDArray[np.float64],
    rate: float,
    fmt: str = "16",
    leads: Sequence[str] = LEADS,
    unit: str = "mV",
    steps_per_mv: float = 1000.0,
) -> str:
    """A WFDB record of `signals_mv` (samples, signals) in `folder`, NaN as invalid samples; returns its path."""
    per_mv = {"mV": 1.0, "uV": 1000.0, "V": 0.001}[unit]
    count = len(leads)
    wfdb.wrsamp(
        name,
        fs=rate,
        units=[unit] * count,
        sig_name=list(leads),
        p_signal=signals_mv * per_mv,
        fmt=[fmt] * count,
        adc_gain=[steps_per_mv / per_mv] * count,
        baseline=[0] * count,
        write_dir=str(folder),
    )
    return str(folder / name)


def edit_header(record: str, old: str, new: str) -> str:
    """Replace `old`, which must be there, in the header of `record`; returns `record`."""
    file = Path(record + ".hea")
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return record


def stored(rate: float = 100.0, seconds: float = 10.0) -> np.ndarray:
    """A recording in whole microvolts, as a file holds it."""
    rounded: np.ndarray = np.rint(ecg(rate, seconds) * 1000) / 1000
    return rounded


def refused(record: str) -> str:
    """The sentence with which `read_any_record` refuses a record."""
    with pytest.raises(InputError) as error:
        read_any_record(record)
    sentence = str(error.value)
    assert sentence.startswith(f"{record}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence
