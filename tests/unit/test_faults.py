"""Faults put into recordings: what changes, what does not, and that physics holds."""

import numpy as np
import pytest

from veribeat.conventions import LEADS
from veribeat.signal.electrodes import ELECTRODES, LIMBS, affected_leads, leads_of, potentials
from veribeat.signal.limb_leads import FROM_I_AND_II, limb_lead
from veribeat.simulation.cohort import simulate_cohort
from veribeat.simulation.faults import (
    HUM_MV,
    OFF_MODES,
    SWAPS,
    add_hum,
    break_electrode,
    record_with_new_device,
    swap_electrodes,
)
from veribeat.simulation.noise import ELECTRODES as NOISE_ELECTRODES
from veribeat.simulation.noise import TO_LEADS
from veribeat.simulation.projection import twelve_leads


@pytest.fixture(scope="module")
def record() -> np.ndarray:
    return simulate_cohort(20, 3, 0.0, 1.0).signals[4] / 1000


def random() -> np.random.Generator:
    return np.random.default_rng(8)


def changed(before: np.ndarray, after: np.ndarray) -> tuple[str, ...]:
    return tuple(lead for k, lead in enumerate(LEADS) if not np.array_equal(before[:, k], after[:, k]))


def lead(signal: np.ndarray, name: str) -> np.ndarray:
    return signal[:, LEADS.index(name)]


def assert_limb_leads_agree(signal: np.ndarray) -> None:
    for name in FROM_I_AND_II:
        expected = limb_lead(name, lead(signal, "I"), lead(signal, "II"))
        assert np.abs(lead(signal, name) - expected).max() < 0.002  # stored values are rounded


def test_electrodes_make_the_leads_that_the_simulated_noise_makes() -> None:
    electrodes = random().normal(size=(50, 9))
    assert ELECTRODES == NOISE_ELECTRODES
    assert np.allclose(leads_of(electrodes), twelve_leads(electrodes @ TO_LEADS.T))
    assert np.allclose(leads_of(potentials(leads_of(electrodes))), leads_of(electrodes))


def test_an_electrode_reaches_the_leads_it_is_part_of() -> None:
    assert affected_leads("V3") == ("V3",)
    assert affected_leads("LA") == tuple(name for name in LEADS if name != "II")
    assert affected_leads("RA") == tuple(name for name in LEADS if name != "III")


@pytest.mark.parametrize("mode", OFF_MODES)
@pytest.mark.parametrize("electrode", ELECTRODES)
def test_an_electrode_that_is_off_changes_its_leads_only(
    record: np.ndarray, electrode: str, mode: str
) -> None:
    faulty, detail = break_electrode(record, random(), electrode, mode)
    assert changed(record, faulty) == affected_leads(electrode)
    assert detail == f"{electrode} off, {mode}"
    assert_limb_leads_agree(faulty)


def test_an_electrode_that_is_off_shows_no_heart(record: np.ndarray) -> None:
    faulty, _ = break_electrode(record, random(), "V2", "flat")
    assert lead(faulty, "V2").std() < 0.03 < lead(record, "V2").std()
    faulty, _ = break_electrode(record, random(), "RA", "noisy")
    # Wilson's terminal takes a third of the noise to every chest lead alike.
    third = lead(faulty, "V1") - lead(record, "V1")
    assert third.std() > 0.02
    assert np.allclose(lead(faulty, "V6") - lead(record, "V6"), third)


def test_hum_is_as_large_as_it_says_and_alternates(record: np.ndarray) -> None:
    faulty, detail = add_hum(record, random())
    hum = faulty - record
    amplitude = np.sqrt(2 * np.square(hum).mean(axis=0))
    assert amplitude.max() == pytest.approx(float(detail.split()[0]), abs=0.006)
    assert HUM_MV[0] <= amplitude.max() <= HUM_MV[1]
    worst = hum[:, int(amplitude.argmax())]
    assert np.mean(worst[1:] * worst[:-1] < 0) > 0.98
    assert_limb_leads_agree(faulty)


def test_exchanged_arms_turn_lead_i_over_and_leave_the_chest(record: np.ndarray) -> None:
    faulty, detail = swap_electrodes(record, random(), ("RA", "LA"))
    assert detail == "RA and LA exchanged"
    for new, old, sign in (("I", "I", -1), ("II", "III", 1), ("AVR", "AVL", 1), ("AVF", "AVF", 1)):
        assert np.allclose(lead(faulty, new), sign * lead(record, old), atol=0.002)
    assert np.array_equal(faulty[:, 6:], record[:, 6:])


def test_right_arm_and_leg_exchanged(record: np.ndarray) -> None:
    faulty, _ = swap_electrodes(record, random(), ("RA", "LL"))
    assert np.allclose(lead(faulty, "I"), -lead(record, "III"), atol=0.002)
    assert np.allclose(lead(faulty, "II"), -lead(record, "II"), atol=0.002)
    assert np.array_equal(faulty[:, 6:], record[:, 6:])


@pytest.mark.parametrize("pair", [pair for pair in SWAPS if pair[0] not in LIMBS])
def test_exchanged_chest_electrodes_exchange_two_leads(record: np.ndarray, pair: tuple[str, str]) -> None:
    faulty, _ = swap_electrodes(record, random(), pair)
    assert changed(record, faulty) == pair
    assert np.array_equal(lead(faulty, pair[0]), lead(record, pair[1]))


def test_swaps_are_drawn_by_weight(record: np.ndarray) -> None:
    assert sum(SWAPS.values()) == pytest.approx(1)
    generator = random()
    details = [swap_electrodes(record, generator)[1] for _ in range(400)]
    assert 0.45 < np.mean([text.startswith("RA and LA") for text in details]) < 0.65


def test_a_new_device_amplifies_and_adds_noise(record: np.ndarray) -> None:
    faulty, detail = record_with_new_device(record, random(), 1.7)
    assert 0.005 < (faulty - 1.7 * record).std() < 0.04
    assert detail.startswith("gain 1.700, noise 0.0")
    assert_limb_leads_agree(faulty / 1.7)


@pytest.mark.parametrize("put", [break_electrode, add_hum, swap_electrodes])
def test_the_same_seed_gives_the_same_fault(record: np.ndarray, put) -> None:
    before = record.copy()
    one, other = put(record, random()), put(record, random())
    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1]
    assert np.array_equal(record, before)


def test_an_unknown_mode_is_refused(record: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not 'loose'"):
        break_electrode(record, random(), "V1", "loose")
