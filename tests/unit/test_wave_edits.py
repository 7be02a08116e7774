"""Edits of waves: what they change, that every beat gets the same, and that nothing else moves."""

import numpy as np
import pytest
from recordings import ecg

from veribeat.conventions import LEADS
from veribeat.counterfactual.edits import all_of
from veribeat.counterfactual.plausibility import joint_jump, limb_lead_residual
from veribeat.counterfactual.wave_edits import INDEPENDENT, QueryBeat, WaveEdits, query_beat, wave_edits
from veribeat.signal.median_beat import AFTER, BEFORE, median_beat
from veribeat.signal.stored_units import from_units, to_units
from veribeat.signal.waves import WAVES

PEAKS = np.array([10 + round(83 * beat) for beat in range(12)])
QUERY = from_units(to_units(ecg(100.0).astype(np.float32)))
INNER = PEAKS[(PEAKS > BEFORE) & (PEAKS < 1000 - AFTER)]


def donor() -> np.ndarray:
    """The query with an R wave of 0.8 mV more in V5 and a T wave of 0.3 mV less in I and V2."""
    changed = QUERY.copy()
    times = np.arange(1000)
    for peak in PEAKS:
        changed[:, LEADS.index("V5")] += 0.8 * np.exp(-(((times - peak) / 2.0) ** 2) / 2)
        t_wave = 0.3 * np.exp(-(((times - peak - 25) / 4.0) ** 2) / 2)
        changed[:, LEADS.index("V2")] -= t_wave
        for lead, weight in {"I": 1.0, "III": -1.0, "AVR": -0.5, "AVL": 1.0, "AVF": -0.5}.items():
            changed[:, LEADS.index(lead)] -= weight * t_wave
    return changed


def beat(peaks: np.ndarray = PEAKS) -> QueryBeat:
    found = query_beat(QUERY, peaks)
    assert found is not None
    return found


def edits() -> WaveEdits:
    made = wave_edits(beat(), donor(), PEAKS)
    assert made is not None
    return made


def only(*names: str) -> np.ndarray:
    numbers = [
        WAVES.index(wave) * len(INDEPENDENT) + INDEPENDENT.index(lead)
        for wave, lead in (name.split() for name in names)
    ]
    chosen = np.zeros((1, 40), dtype=bool)
    chosen[0, numbers] = True
    return chosen


def test_no_edit_leaves_the_query_and_all_edits_make_the_donors_beat() -> None:
    made = edits()
    np.testing.assert_array_equal(made.apply(np.zeros((1, 40), dtype=bool))[0], QUERY)
    (whole,) = made.apply(all_of(made))
    ours, theirs = median_beat(whole, INNER), median_beat(donor(), INNER)
    np.testing.assert_allclose(ours, theirs, atol=0.04)  # what lies beyond the T wave stays the query's


def test_every_beat_gets_the_same() -> None:
    made = edits()
    (changed,) = made.apply(only("T V2", "QRS V5"))
    added = np.stack([(changed - QUERY)[peak - 30 : peak + 45] for peak in INNER])
    np.testing.assert_allclose(added, np.broadcast_to(added[0], added.shape), atol=0.0021)  # two roundings


@pytest.mark.parametrize(
    ("name", "leads"),
    [("QRS V5", {"V5"}), ("T V2", {"V2"}), ("T I", {"I", "III", "AVR", "AVL", "AVF"})],
)
def test_an_edit_changes_its_lead_and_those_that_follow(name: str, leads: set[str]) -> None:
    made = edits()
    (changed,) = made.apply(only(name))
    moved = np.abs(changed - QUERY).max(axis=0) > 0.01
    assert {lead for lead, has in zip(LEADS, moved, strict=True) if has} == leads
    assert limb_lead_residual(changed) <= limb_lead_residual(QUERY) + 0.002
    mask = made.mask(only(name)[0])
    assert not (changed != QUERY)[~mask].any()
    assert joint_jump(changed, QUERY, mask) < 0.05


def test_an_edit_stays_in_its_wave() -> None:
    (changed,) = edits().apply(only("QRS V5"))
    peak = INNER[2]
    difference = np.abs(changed - QUERY)[peak - 40 : peak + 40, LEADS.index("V5")]
    assert difference[40] > 0.7
    assert difference[:28].max() == 0
    assert difference[56:].max() == 0


def test_gains_are_what_an_edit_adds_to_first_order() -> None:
    made = edits()
    gradient = np.random.default_rng(2).normal(size=QUERY.shape).astype(np.float32)
    gains = made.gains(gradient)
    for name in ("QRS V5", "T I"):
        chosen = only(name)
        (changed,) = made.apply(chosen)
        added = ((changed.astype(np.float64) - QUERY) * gradient).sum()
        assert gains[chosen[0]].item() == pytest.approx(added, abs=0.1)  # of what rounding leaves


def test_costs_are_the_shares_that_change() -> None:
    made = edits()
    costs = made.costs
    for name in ("QRS V5", "T V2", "T I"):
        chosen = only(name)
        (changed,) = made.apply(chosen)
        share = (np.abs(changed - QUERY) > 0.0024).mean()
        assert costs[chosen[0]].item() == pytest.approx(share, rel=0.25)


def test_changes_name_wave_lead_time_and_size() -> None:
    first, second = edits().changes(only("QRS V5", "T V2")[0])
    assert (str(first), str(second)) == ("QRS V5", "T V2")
    assert first.largest_mv == pytest.approx(0.8, abs=0.05)
    assert second.largest_mv == pytest.approx(-0.3, abs=0.05)
    assert first.start_ms < 0 < first.end_ms < second.start_ms < 250 < second.end_ms
    assert edits().changes(np.zeros(40, dtype=bool)) == ()


def test_a_donor_at_another_heart_rate_gives_its_t_wave_at_the_querys() -> None:
    slow = np.repeat(donor(), 2, axis=0)[:1000]  # half the rate, everything twice as long
    made = wave_edits(beat(), slow, PEAKS[:6] * 2)
    assert made is not None
    (whole,) = made.apply(all_of(made))
    t_wave = median_beat(whole, INNER)[BEFORE + 15 : BEFORE + 60, LEADS.index("V3")]
    # 50 samples after the R-peak at half the rate, so 8 + 42 / sqrt(2) at the query's.
    assert 15 + int(t_wave.argmax()) == pytest.approx(8 + 42 / np.sqrt(2), abs=2)


def test_without_beats_there_are_no_edits() -> None:
    nothing = PEAKS[:0]
    assert query_beat(QUERY, nothing) is None
    assert wave_edits(beat(), donor(), nothing) is None
    assert wave_edits(beat(PEAKS[3:4]), donor(), PEAKS) is not None
