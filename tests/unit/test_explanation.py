"""What is said of a counterfactual beside its signal; `tests/flows/test_explain.py` has the whole of it."""

import numpy as np
import pytest

from models.explanation import Edit, list_edits


def test_edits_are_runs_of_a_lead():
    query = np.zeros((1000, 12), dtype=np.float32)
    changed, mask = query.copy(), np.zeros((1000, 12), dtype=bool)
    changed[100:104, 1] = [0.5, -1.0, 0.25, 0.25]
    changed[990:, 1] = 0.5
    changed[:10, 11] = -0.25
    mask[100:104, 1] = mask[990:, 1] = mask[:10, 11] = True
    assert list_edits(query, changed, mask) == (
        Edit("II", 1.0, 1.04, 0.0, -1.0),
        Edit("II", 9.9, 10.0, 0.5, 0.5),
        Edit("V6", 0.0, 0.1, -0.25, -0.25),
    )
    assert list_edits(query, query, np.zeros_like(mask)) == ()


def test_differences_are_of_the_counterfactual_less_the_query():
    query = np.full((1000, 12), 0.3, dtype=np.float32)
    changed = np.full((1000, 12), 0.1, dtype=np.float32)
    edits = list_edits(query, changed, np.ones((1000, 12), dtype=bool))
    assert len(edits) == 12
    assert edits[0].mean_mv == pytest.approx(-0.2)
    assert (edits[0].start_s, edits[0].end_s) == (0.0, 10.0)
