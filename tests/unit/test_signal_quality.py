"""Quality warnings: each defect gives its own, a sound recording none."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import ecg

from veribeat.conventions import LEADS
from veribeat.errors import InputError
from veribeat.signal.gaps import bridge_gaps
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead
from veribeat.signal.quality import QualityWarning, quality_warnings
from veribeat.signal.resampling import resample
from veribeat.signal.runs import longest_run
from veribeat.simulation.cohort import simulate_cohort

Signals = NDArray[np.float64]
II, V1, V2, V5 = (LEADS.index(name) for name in ("II", "V1", "V2", "V5"))


def sound(rate: float = 500.0) -> Signals:
    """A recording with 5 uV of noise that keeps the limb leads consistent."""
    signals = ecg(rate) + np.random.default_rng(1).normal(0, 0.005, (round(10 * rate), 12))
    for name in FROM_I_AND_II:
        signals[:, LEADS.index(name)] = limb_lead(name, signals[:, 0], signals[:, 1])
    return signals


def warnings_of(signals: Signals, rate: float = 500.0, derived: tuple[str, ...] = ()) -> list[QualityWarning]:
    return quality_warnings(signals, rate, resample(signals, rate)[:1000], frozenset(derived))


def _flat(signals: Signals, _: Signals) -> None:
    signals[:, V5] = 0.4


def _interrupted(signals: Signals, _: Signals) -> None:
    signals[1000:1600, V2] = signals[1000, V2]


def _clipped(signals: Signals, _: Signals) -> None:
    signals[:, V1] = np.minimum(3 * signals[:, V1], 1.0)


def _large(signals: Signals, _: Signals) -> None:
    signals[2000:2010, V1] = 7.5


def _small(signals: Signals, _: Signals) -> None:
    signals *= 0.09


def _wander(signals: Signals, seconds: Signals) -> None:
    signals[:, V1] += 2 * np.sin(2 * np.pi * 0.2 * seconds)


def _noise(signals: Signals, _: Signals) -> None:
    signals[:, V1] += np.random.default_rng(2).normal(0, 0.15, len(signals))


def _mains(signals: Signals, seconds: Signals) -> None:
    signals[:, V1] += 0.05 * np.sin(2 * np.pi * 50.0 * seconds)


def _mislabelled(signals: Signals, _: Signals) -> None:
    signals[:, [II, V2]] = signals[:, [V2, II]]


def _arms(signals: Signals, _: Signals) -> None:
    signals[:, 0] *= -1
    signals[:, [1, 2, 3, 4]] = signals[:, [2, 1, 4, 3]]


DEFECTS: tuple[tuple[Callable[[Signals, Signals], None], str, str], ...] = (
    (_flat, "flat lead", "V5"),
    (_interrupted, "interrupted lead", "V2, no change for up to 1.2 s"),
    (_clipped, "clipped samples", "V1"),
    (_large, "large amplitude", "V1"),
    (_small, "unlikely unit", "check unit"),
    (_wander, "baseline wander", "V1"),
    (_noise, "high-frequency noise", "V1"),
    (_mains, "mains interference", "V1, 50 Hz with up to 0.050 mV"),
    (_mislabelled, "inconsistent limb leads", "III, AVR, AVL, AVF"),
    (_arms, "inverted lead I", "mirrors V6"),
)


def test_a_sound_recording_has_no_warning() -> None:
    for rate in (100.0, 257.0, 500.0, 1000.0):
        assert warnings_of(sound(rate), rate) == []


@pytest.mark.parametrize(("spoil", "kind", "words"), DEFECTS)
def test_a_defect_is_found_and_nothing_else(spoil: Callable, kind: str, words: str) -> None:
    signals = sound()
    spoil(signals, np.arange(len(signals)) / 500)
    (warning,) = warnings_of(signals)
    assert warning.kind == kind
    assert words in warning.detail


def test_leads_that_were_derived_prove_nothing() -> None:
    signals = sound()
    signals[:, LEADS.index("AVR")] *= -1
    (warning,) = warnings_of(signals)
    assert str(warning).startswith("inconsistent limb leads: AVR, up to ")
    assert warnings_of(signals, derived=("AVR",)) == []


def test_mains_are_not_looked_for_where_the_rate_cannot_show_them() -> None:
    signals = sound(100.0)
    signals[:, V1] += 0.05 * np.sin(2 * np.pi * 49.0 * np.arange(1000) / 100)
    assert "mains interference" not in {found.kind for found in warnings_of(signals, 100.0)}


def test_few_simulated_records_are_suspicious() -> None:
    cohort = simulate_cohort(100, seed=5, wrong_label_share=0.0, noise=1.0)
    suspicious = sum(bool(warnings_of(signal / 1000, 100.0)) for signal in cohort.signals)
    assert suspicious <= 20


def test_short_gaps_are_bridged_by_straight_lines() -> None:
    ramp = np.arange(1000.0)
    signals = {name: ramp.copy() for name in ("I", "III", "V2")}
    signals["III"][100:104] = np.nan
    signals["V2"][:2] = np.nan
    bridged, counts = bridge_gaps(signals, 100.0)
    assert counts == {"III": 4, "V2": 2}
    np.testing.assert_array_equal(bridged["I"], ramp)
    np.testing.assert_allclose(bridged["III"], ramp)
    np.testing.assert_array_equal(bridged["V2"][:3], [2, 2, 2])
    assert np.isnan(signals["III"]).sum() == 4  # the argument is left alone


def test_long_gaps_and_many_gaps_are_refused() -> None:
    long, many = np.zeros((2, 1000))
    long[300:305] = np.nan
    with pytest.raises(InputError, match=r"lead AVL has no samples for 0\.05 s from 3\.000 s on"):
        bridge_gaps({"I": np.zeros(1000), "AVL": long}, 100.0)
    many[::10] = np.nan
    with pytest.raises(InputError, match=r"lead V6 lacks 10% of its samples"):
        bridge_gaps({"V6": many}, 100.0)


@pytest.mark.parametrize(
    ("mask", "run"),
    [("", (0, 0)), ("000", (0, 0)), ("1", (0, 1)), ("0110111", (4, 3)), ("1101100", (0, 2)), ("111", (0, 3))],
)
def test_longest_run(mask: str, run: tuple[int, int]) -> None:
    assert longest_run(np.array([char == "1" for char in mask], dtype=bool)) == run


def test_limb_leads_follow_einthoven_and_goldberger() -> None:
    arm_left, arm_right, leg = np.random.default_rng(4).normal(size=(3, 50))
    lead_i, lead_ii = arm_left - arm_right, leg - arm_right
    expected = {
        "III": leg - arm_left,
        "AVR": arm_right - (arm_left + leg) / 2,
        "AVL": arm_left - (arm_right + leg) / 2,
        "AVF": leg - (arm_left + arm_right) / 2,
    }
    for name, lead in expected.items():
        np.testing.assert_allclose(limb_lead(name, lead_i, lead_ii), lead)
