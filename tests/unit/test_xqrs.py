"""The faster detectors find what their packages find."""

import neurokit2
import numpy as np
import pytest
import wfdb.processing
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recordings import ecg
from scipy.signal import resample_poly

from veribeat.signal.r_peaks import cleaned
from veribeat.signal.xqrs import find_xqrs, local_peaks


def lead(noise_mv: float, seed: int) -> NDArray[np.float64]:
    signal = ecg(100.0)[:, 1].astype(np.float64)
    return signal + np.random.default_rng(seed).normal(0, noise_mv, len(signal))


@pytest.mark.parametrize("noise_mv", [0.0, 0.05, 0.5, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_xqrs_finds_what_wfdb_finds(noise_mv: float, seed: int) -> None:
    faster = resample_poly(lead(noise_mv, seed), 5, 2)
    expected = wfdb.processing.xqrs_detect(faster, fs=250, verbose=False)
    assert find_xqrs(faster, 250).tolist() == expected.tolist()


def test_a_flat_lead_has_no_beats() -> None:
    assert find_xqrs(np.full(2500, 0.3), 250).tolist() == []


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    values=st.lists(
        st.integers(0, 6), min_size=30, max_size=120
    ),  # few different ones, so that many are tied
    radius=st.integers(1, 14),
)
def test_local_peaks_are_those_of_wfdb(values: list[int], radius: int) -> None:
    signal = np.array(values, dtype=np.float64)
    assert local_peaks(signal, radius).tolist() == wfdb.processing.find_local_peaks(signal, radius).tolist()


@pytest.mark.parametrize("noise_mv", [0.0, 0.5])
def test_a_lead_is_cleaned_as_by_neurokit(noise_mv: float) -> None:
    signal = lead(noise_mv, seed=4)
    assert (cleaned(signal) == neurokit2.ecg_clean(signal, sampling_rate=100)).all()
