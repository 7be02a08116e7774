"""The sparse search: which samples are taken from the donor, and that what is returned was verified."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from veribeat.black_box import BlackBox
from veribeat.counterfactual.sparse import SparseSettings, candidate_masks, importance, sparsify
from veribeat.counterfactual.targets import label_set
from veribeat.signal.stored_units import from_units, to_units

SHAPE = (1000, 12)
PAPER = SparseSettings(tuple(np.arange(2, 21) / 20), shortest_segment=10, r_peak_radius=5, r_peak_weight=2.0)
NORM, MI = label_set(["NORM"]), label_set(["MI"])
NO_PEAKS = np.array([], dtype=np.int64)


class MeanOfLeads:
    """A model that takes the mean over all samples for P(MI) and the rest for P(NORM), and remembers what it saw."""

    def __init__(self, mi_from: float, mi_below: float = 1.1) -> None:
        self.mi_from, self.mi_below = mi_from, mi_below
        self.batches: list[NDArray[np.float32]] = []

    def probabilities(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(signals)
        mean = signals.mean(axis=(1, 2), dtype=np.float64)
        is_mi = (mean >= self.mi_from) & (mean < self.mi_below)
        found = np.zeros((len(signals), 5), dtype=np.float32)
        found[:, 0], found[:, 1] = ~is_mi, is_mi
        return found

    def black_box(self) -> BlackBox:
        return BlackBox(self.probabilities, np.full(5, 0.5))


def signals(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A query of zeros and a donor with a mean of about 1 mV that varies slowly, both in stored units."""
    walk = np.random.default_rng(seed).normal(0, 0.02, SHAPE).cumsum(axis=0)
    return np.zeros(SHAPE, dtype=np.float32), from_units(to_units(walk - walk.mean() + 1))


def runs(column: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of True, by counting."""
    lengths, length = [], 0
    for value in [*column, False]:
        if value:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    return lengths


def test_the_lowest_valid_ratio_wins() -> None:
    query, donor = signals()
    model = MeanOfLeads(mi_from=0.5)
    found = sparsify(query, donor, MI, NO_PEAKS, model.black_box(), PAPER)
    (batch,) = model.batches
    assert batch.shape == (19, *SHAPE)
    valid = batch.mean(axis=(1, 2), dtype=np.float64) >= 0.5
    assert found.valid
    assert 0 < np.argmax(valid) < 18
    assert found.keep_ratio == PAPER.keep_ratios[np.argmax(valid)]


def test_validity_need_not_be_monotone_in_the_ratio() -> None:
    query, donor = signals()
    model = MeanOfLeads(mi_from=0.3, mi_below=0.4)
    found = sparsify(query, donor, MI, NO_PEAKS, model.black_box(), PAPER)
    assert found.valid
    assert 0.3 <= found.signal_mv.mean(dtype=np.float64) < 0.4
    assert not model.probabilities(donor[None])[0, 1]


def test_the_fullest_mask_is_returned_when_nothing_is_valid() -> None:
    query, donor = signals()
    found = sparsify(query, donor, MI, NO_PEAKS, MeanOfLeads(mi_from=2.0).black_box(), PAPER)
    assert (found.valid, found.keep_ratio) == (False, 1.0)
    assert found.mask.all()
    assert (found.signal_mv == donor).all()


def test_the_whole_label_set_must_be_the_target() -> None:
    query, donor = signals()
    both = sparsify(query, donor, NORM | MI, NO_PEAKS, MeanOfLeads(mi_from=0.5).black_box(), PAPER)
    assert not both.valid


def test_what_is_returned_is_in_stored_units_and_what_the_model_saw() -> None:
    query, donor = signals()
    between_units = donor + np.float32(0.0003)
    model = MeanOfLeads(mi_from=0.5)
    found = sparsify(query, between_units, MI, NO_PEAKS, model.black_box(), PAPER)
    assert (from_units(to_units(found.signal_mv)) == found.signal_mv).all()
    assert (model.batches[0] == found.signal_mv).all(axis=(1, 2)).sum() == 1
    assert (found.probabilities == model.probabilities(found.signal_mv[None])[0]).all()
    assert (found.signal_mv == np.where(found.mask, donor, query)).all()


def test_importance_doubles_within_five_samples_of_an_r_peak() -> None:
    query, donor = np.zeros(SHAPE, dtype=np.float32), np.full(SHAPE, -0.5, dtype=np.float32)
    score = importance(query, donor, np.array([2, 500]), PAPER)
    doubled = np.flatnonzero((score == 1.0).all(axis=1))
    assert doubled.tolist() == [*range(8), *range(495, 506)]
    assert (np.delete(score, doubled, axis=0) == 0.5).all()


@hypothesis_settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), shortest=st.integers(1, 20))
def test_masks_are_the_most_important_samples_without_short_runs(seed: int, shortest: int) -> None:
    # few different values, so that most samples are tied
    noise = np.random.default_rng(seed).integers(0, 40, (200, 3))
    score = np.abs(noise.cumsum(axis=0) - 20 * np.arange(200)[:, None]).astype(np.float32)
    settings = replace(PAPER, shortest_segment=shortest)
    whole = candidate_masks(score, replace(settings, shortest_segment=1))
    cleaned = candidate_masks(score, settings)
    for ratio, before, after in zip(settings.keep_ratios, whole, cleaned, strict=True):
        assert before.sum() == round(ratio * 600)
        assert before.all() or score[before].min() >= score[~before].max()
        for lead in range(3):
            expected = [length for length in runs(before[:, lead]) if length >= shortest]
            assert runs(after[:, lead]) == expected
        assert not (after & ~before).any()


def test_ties_go_to_the_earlier_sample_and_the_first_lead() -> None:
    (mask,) = candidate_masks(np.ones((4, 3), dtype=np.float32), SparseSettings((0.5,), 1, 5, 2.0))
    assert np.flatnonzero(mask).tolist() == [0, 1, 2, 3, 4, 5]


def test_short_differences_change_nothing() -> None:
    query, _ = signals()
    donor = query.copy()
    donor[100:109, 4] = 1.0
    model = MeanOfLeads(mi_from=0.0)
    found = sparsify(query, donor, MI, NO_PEAKS, model.black_box(), replace(PAPER, keep_ratios=(9 / 12000,)))
    assert found.valid
    assert not found.mask.any()
    assert (found.signal_mv == query).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_arguments_give_the_same_result(seed: int) -> None:
    query, donor = signals(seed)
    first, second = (
        sparsify(query, donor, MI, np.array([300]), MeanOfLeads(mi_from=0.5).black_box(), PAPER)
        for _ in range(2)
    )
    assert first.signal_mv.tobytes() == second.signal_mv.tobytes()
    assert first.keep_ratio == second.keep_ratio
