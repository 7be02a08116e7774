"""Edits of segments: their place, their fades, and their gains."""

import numpy as np
import pytest

from veribeat.conventions import LEADS
from veribeat.counterfactual.edits import all_of
from veribeat.counterfactual.plausibility import joint_jump
from veribeat.counterfactual.segment_edits import FADE, SEGMENT, SegmentEdits

QUERY = np.zeros((1000, 12), dtype=np.float32)
DONOR = np.ones((1000, 12), dtype=np.float32)
EDITS = SegmentEdits(QUERY, DONOR)
V2 = LEADS.index("V2")


def only(*segments: int) -> np.ndarray:
    chosen = np.zeros((50, 12), dtype=bool)
    chosen[list(segments), V2] = True
    return chosen.reshape(1, -1)


def test_none_is_the_query_and_all_are_the_donor() -> None:
    assert (EDITS.apply(np.zeros((1, 600), dtype=bool))[0] == QUERY).all()
    assert (EDITS.apply(all_of(EDITS))[0] == DONOR).all()
    np.testing.assert_allclose(EDITS.costs, 1 / 600)


def test_an_edit_is_one_segment_of_one_lead_and_fades_at_its_ends() -> None:
    (changed,) = EDITS.apply(only(5))
    assert not changed[:, np.arange(12) != V2].any()
    lead = changed[:, V2]
    assert not lead[: 5 * SEGMENT].any()
    assert not lead[6 * SEGMENT :].any()
    assert (lead[5 * SEGMENT + FADE : 6 * SEGMENT - FADE] == 1).all()
    assert np.abs(np.diff(lead)).max() < 0.3
    mask = EDITS.mask(only(5)[0])
    assert (mask[:, V2] == (lead > 0)).all()
    assert joint_jump(changed, QUERY, mask) < 0.3


def test_neighbours_are_one_run() -> None:
    (changed,) = EDITS.apply(only(5, 6))
    assert (changed[5 * SEGMENT + FADE : 7 * SEGMENT - FADE, V2] == 1).all()


def test_candidates_do_not_depend_on_each_other() -> None:
    both = EDITS.apply(np.concatenate([only(5), only(5, 6)]))
    assert (both[0] == EDITS.apply(only(5))[0]).all()


def test_gains_are_sums_over_the_segment() -> None:
    gradient = np.random.default_rng(1).normal(size=QUERY.shape).astype(np.float32)
    gains = EDITS.gains(gradient)
    assert gains.shape == (600,)
    assert gains[only(7)[0]].item() == pytest.approx(gradient[140:160, V2].sum(), rel=1e-5)
