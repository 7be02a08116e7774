"""Plausibility: each defect is seen by its own measure, and real shapes by none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import stored

from veribeat.conventions import LEADS
from veribeat.counterfactual.plausibility import (
    INTERVALS,
    IntervalRange,
    amplitude_range,
    interval_range,
    intervals,
    intervals_outside,
    joint_jump,
    limb_lead_residual,
    share_outside,
)

QUERY = stored().astype(np.float32)
V2 = LEADS.index("V2")


def replaced(value_mv: float, start: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The query with `value_mv` added to a stretch of V2, and the mask of that."""
    signal, mask = QUERY.copy(), np.zeros(QUERY.shape, dtype=np.bool_)
    signal[start:end, V2] += np.float32(value_mv)
    mask[start:end, V2] = True
    return signal, mask


def test_a_step_at_a_joint_is_a_jump() -> None:
    quiet = int(np.argmin(np.abs(np.diff(QUERY[100:900, V2])))) + 100
    signal, mask = replaced(1.0, quiet + 1, 950)
    assert joint_jump(signal, QUERY, mask) == pytest.approx(1.0, abs=0.05)
    assert joint_jump(signal, QUERY, ~mask) == joint_jump(signal, QUERY, mask)
    assert joint_jump(signal, QUERY, np.roll(mask, 1, axis=1)) < 0.05  # the joint of another lead


def test_either_end_of_a_run_counts() -> None:
    signal, mask = np.zeros((20, 12), dtype=np.float32), np.zeros((20, 12), dtype=np.bool_)
    mask[5:10, 3] = True
    signal[5:10, 3] = [0.0, 0.1, 0.2, 0.3, 0.4]
    assert joint_jump(signal, np.zeros_like(signal), mask) == pytest.approx(
        0.3
    )  # 0.4 down again, 0.1 before it
    signal[5:10, 3] = [-0.5, -0.4, -0.3, -0.2, -0.1]
    assert joint_jump(signal, np.zeros_like(signal), mask) == pytest.approx(0.4)


def test_a_steep_wave_is_no_jump() -> None:
    ramp = np.repeat(np.arange(20, dtype=np.float32)[:, None], 12, axis=1)
    mask = np.zeros(ramp.shape, dtype=np.bool_)
    mask[7:12, 1] = True
    assert joint_jump(ramp, np.zeros_like(ramp), mask) == 0


def test_an_artefact_of_the_query_is_no_jump() -> None:
    query = np.zeros((20, 12), dtype=np.float32)
    query[10:, 3] = 2.0
    mask = np.zeros(query.shape, dtype=np.bool_)
    mask[10:15, 3] = True
    assert joint_jump(query, query, mask) == 0
    moved = query.copy()
    moved[10:15, 3] += 0.5
    assert joint_jump(moved, query, mask) == pytest.approx(0.5)


def test_without_a_joint_there_is_no_jump() -> None:
    for mask in (np.zeros(QUERY.shape, dtype=np.bool_), np.ones(QUERY.shape, dtype=np.bool_)):
        assert joint_jump(QUERY, QUERY, mask) == 0


def test_limb_leads_agree_until_one_is_changed() -> None:
    assert limb_lead_residual(QUERY) <= 0.002
    for name in ("III", "AVR", "AVL", "AVF"):
        signal = QUERY.copy()
        signal[300:320, LEADS.index(name)] += 0.25
        assert limb_lead_residual(signal) == pytest.approx(0.25, abs=0.002)
    signal = QUERY.copy()
    signal[300:320, LEADS.index("II")] += 0.25
    assert limb_lead_residual(signal) == pytest.approx(0.25, abs=0.002)
    assert limb_lead_residual(replaced(0.25, 300, 320)[0]) <= 0.002


def test_the_range_is_that_of_numpy() -> None:
    signals = np.random.default_rng(3).normal(0, 300, (300, 50, 12)).astype(np.int16)
    signals[-1] = 9000  # a row that is not asked for
    rows = np.arange(299)
    found = amplitude_range(signals, rows)
    expected = np.percentile(signals[rows].reshape(-1, 12), (0.1, 99.9), axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(found.low_mv, expected[0] / 1000)
    np.testing.assert_array_equal(found.high_mv, expected[1] / 1000)
    assert share_outside(signals[0].astype(np.float32) / 1000, found) < 0.02


def test_samples_outside_are_counted_per_lead() -> None:
    signals = np.zeros((1, 1000, 12), dtype=np.int16)
    signals[0, :, V2] = np.linspace(-2000, 2000, 1000).astype(np.int16)
    plausible = amplitude_range(signals, np.array([0]))
    assert share_outside(np.zeros((1000, 12), dtype=np.float32), plausible) == 0
    signal = np.zeros((1000, 12), dtype=np.float32)
    signal[:30, V2], signal[:30, 0] = 1.0, 1.0  # plausible in V2 alone
    assert share_outside(signal, plausible) == 30 / 12000
    signal[30:40, V2] = -3.0
    assert share_outside(signal, plausible) == 40 / 12000


def test_no_records_are_refused() -> None:
    with pytest.raises(ValueError, match="no records"):
        amplitude_range(np.zeros((1, 1000, 12), dtype=np.int16), np.array([], dtype=int))


def test_intervals_are_those_of_the_beat() -> None:
    """Of the simulated record of `recordings.stored`: PR 80 to 280 ms, QRS 50 to 140 ms, QT 280 to 520 ms."""
    pr, qrs, qt = intervals(QUERY)
    assert (8 <= pr <= 28, 5 <= qrs <= 14, 28 <= qt <= 52) == (True, True, True)
    assert np.isnan(intervals(np.zeros_like(QUERY))).all()


def test_intervals_outside_of_those_of_real_records_are_counted() -> None:
    found = intervals(QUERY)
    here = interval_range(np.stack([QUERY, np.zeros_like(QUERY), QUERY]))
    np.testing.assert_array_equal(here.low, found)
    assert intervals_outside(QUERY, here) == 0
    longer = IntervalRange(found + np.array([0, 1, 0]), found + 9)
    assert intervals_outside(QUERY, longer) == 1 / len(INTERVALS)
    assert np.isnan(intervals_outside(np.zeros_like(QUERY), here))
    with pytest.raises(ValueError, match="no records"):
        interval_range(np.zeros((1, *QUERY.shape), dtype=np.float32))
