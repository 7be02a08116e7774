"""The screening of incoming records, learnt from simulated ones and tried on others."""

import numpy as np
import pytest

from veribeat.errors import InputError
from veribeat.signal.beat_shape import median_beats, shape_features
from veribeat.signal.device_shift import shifted_devices, signal_levels, unjudged_devices
from veribeat.signal.electrode_changes import exchanged
from veribeat.signal.screening import Defect, Screening
from veribeat.simulation.cohort import simulate_cohort
from veribeat.simulation.faults import add_hum, break_electrode, record_with_new_device, swap_electrodes


@pytest.fixture(scope="module")
def signals() -> np.ndarray:
    return (simulate_cohort(800, 11, 0.0, 1.0).signals / 1000).astype(np.float32)


@pytest.fixture(scope="module")
def screening(signals: np.ndarray) -> Screening:
    return Screening.fit(signals[:600])


@pytest.fixture(scope="module")
def incoming(signals: np.ndarray) -> np.ndarray:
    return signals[600:]


def with_fault(signals: np.ndarray, put, **options) -> np.ndarray:
    return np.stack(
        [put(signal, np.random.default_rng([5, k]), **options)[0] for k, signal in enumerate(signals)]
    )


def flagged(screening: Screening, signals: np.ndarray, reason: Defect | None = None) -> float:
    findings = screening.screen(signals)
    return float(np.mean([found is not None and reason in (None, found.reason) for found in findings]))


def test_clean_records_pass(screening: Screening, incoming: np.ndarray) -> None:
    assert flagged(screening, incoming) <= 0.05


def test_hum_is_found(screening: Screening, incoming: np.ndarray) -> None:
    assert flagged(screening, with_fault(incoming, add_hum), Defect.MAINS_HUM) == 1


@pytest.mark.parametrize("electrode", ["RA", "LL", "V4"])
@pytest.mark.parametrize("mode", ["flat", "noisy"])
def test_an_electrode_off_is_found_and_named(
    screening: Screening, incoming: np.ndarray, electrode: str, mode: str
) -> None:
    findings = screening.screen(with_fault(incoming[:60], break_electrode, electrode=electrode, mode=mode))
    named = [
        found is not None and found.reason == Defect.ELECTRODE_OFF and electrode in found.detail
        for found in findings
    ]
    assert np.mean(named) > 0.95


@pytest.mark.parametrize("pair", [("RA", "LA"), ("RA", "LL"), ("V2", "V5")])
def test_exchanged_electrodes_are_found(
    screening: Screening, incoming: np.ndarray, pair: tuple[str, str]
) -> None:
    assert flagged(screening, with_fault(incoming, swap_electrodes, pair=pair)) > 0.9


def test_the_gain_of_a_record_is_no_finding(screening: Screening, incoming: np.ndarray) -> None:
    assert flagged(screening, 1.3 * incoming) <= flagged(screening, incoming) + 0.03


def test_one_record_is_screened_as_it_is_among_others(screening: Screening, incoming: np.ndarray) -> None:
    assert screening.screen(incoming[7:8]) == screening.screen(incoming)[7:8]
    assert screening.screen(incoming[:0]) == []


def test_a_flat_record_is_no_error(screening: Screening) -> None:
    assert len(screening.screen(np.zeros((2, 1000, 12)))) == 2


def test_fits_are_alike(signals: np.ndarray) -> None:
    one, other = Screening.fit(signals[:220]), Screening.fit(signals[:220])
    assert np.array_equal(one.swapped.weights, other.swapped.weights)
    assert np.array_equal(one.silent.thresholds, other.silent.thresholds)
    assert np.array_equal(one.suspected, other.suspected)


def test_beats_of_exchanged_electrodes_are_exchanged_beats(incoming: np.ndarray) -> None:
    # Filters and medians commute with the exchange, but for rounding and the limb leads' effect on where beats are.
    changed = median_beats(with_fault(incoming[:20], swap_electrodes, pair=("V2", "V5")))
    assert np.allclose(changed, exchanged(median_beats(incoming[:20]), ("V2", "V5")), atol=1e-5)


def test_shapes_do_not_depend_on_the_gain(incoming: np.ndarray) -> None:
    beats = median_beats(incoming[:20])
    assert np.abs(shape_features(beats) - shape_features(1.5 * beats)).max() < 0.35


def test_wrong_shapes_and_too_few_records_are_refused(signals: np.ndarray, screening: Screening) -> None:
    with pytest.raises(InputError, match=r"not \(3, 500, 12\)"):
        screening.screen(np.zeros((3, 500, 12)))
    with pytest.raises(InputError, match="too few to learn from"):
        Screening.fit(signals[:50])


def test_a_new_device_is_found(signals: np.ndarray, incoming: np.ndarray) -> None:
    devices = ["A" if k % 3 else "B" for k in range(600)]
    training = signal_levels(signals[:600])
    levels = signal_levels(with_fault(incoming[:40], record_with_new_device, gain=1.7))
    (shift,) = shifted_devices(levels, ["NEW"] * 40, training, devices)
    assert (shift.device, shift.records, shift.compared_with) == ("NEW", 40, "all devices")
    assert 1.4 < shift.gain < 2.1
    (known,) = shifted_devices(levels, ["A"] * 40, training, devices)
    assert known.compared_with == "'A'"
    assert "40 records of 'NEW' have 1." in str(shift)


def test_devices_as_they_were_are_not_held_back(signals: np.ndarray, incoming: np.ndarray) -> None:
    devices = ["A" if k % 3 else "B" for k in range(600)]
    training, levels = signal_levels(signals[:600]), signal_levels(incoming)
    names = ["A", "NEW"] * 100
    assert shifted_devices(levels, names, training, devices) == []


def test_a_small_group_is_not_judged_but_named(signals: np.ndarray, incoming: np.ndarray) -> None:
    levels = signal_levels(2 * incoming[:40])
    names = ["FEW"] * 10 + ["A"] * 30
    found = shifted_devices(levels, names, signal_levels(signals[:600]), ["A"] * 600)
    assert [shift.device for shift in found] == ["A"]
    assert unjudged_devices(names) == {"FEW": 10}


def test_devices_and_levels_must_match(incoming: np.ndarray) -> None:
    levels = signal_levels(incoming[:60])
    with pytest.raises(InputError, match="levels of 60 records and devices of 3"):
        shifted_devices(levels, ["A"] * 3, levels, ["A"] * 60)
    with pytest.raises(InputError, match="too few to compare"):
        shifted_devices(levels, ["A"] * 60, signal_levels(incoming[:9]), ["A"] * 9)
