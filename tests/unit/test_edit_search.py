"""The search: it finds the edits that matter, no others, and what it says was verified holds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_counterfactuals import mean_model

from veribeat.black_box import BlackBox, DifferentiableModel
from veribeat.counterfactual import trial
from veribeat.counterfactual.search import search
from veribeat.counterfactual.segment_edits import SEGMENT, SegmentEdits
from veribeat.counterfactual.stability import shifted
from veribeat.counterfactual.targets import label_set
from veribeat.counterfactual.trial import SearchSettings, Trial

SETTINGS = SearchSettings(
    margin=0.5,
    shifts=(-2, -1, 1, 2),
    donors=2,
    refined=2,
    path_points=4,
    lengths=8,
    passes=1,
    rounds=2,
    eliminated=8,
)
QUERY = np.zeros((1000, 12), dtype=np.float32)
MI = label_set(["MI"])
SEEN = np.zeros((1000, 12), dtype=bool)
SEEN[200:260, 4], SEEN[600:660, 9] = True, True


def model(enough_mv: float = 0.5) -> DifferentiableModel:
    """MI from a mean of `enough_mv` over the samples that it sees on; one logit per 0.1 mV."""
    return mean_model(SEEN, "MI", enough_mv, 0.1)


def donor(height_mv: float = 1.0) -> SegmentEdits:
    return SegmentEdits(QUERY, np.full_like(QUERY, height_mv))


def test_only_what_the_model_sees_is_changed() -> None:
    found = search([donor()], MI, model(), SETTINGS)
    assert found.valid
    assert found.margin >= SETTINGS.margin
    chosen = found.chosen.reshape(50, 12)
    segments_seen = SEEN.reshape(50, SEGMENT, 12).any(axis=1)
    assert not (chosen & ~segments_seen).any()
    assert 3 <= chosen.sum() <= 5  # of six; the mean must come to 0.55 mV


def test_what_is_found_is_what_was_verified() -> None:
    found = search([donor()], MI, model(), SETTINGS)
    copies = np.concatenate([found.signal_mv[None], shifted(found.signal_mv, SETTINGS.shifts)])
    assert model().margins(copies, MI).min() == pytest.approx(found.margin)
    assert (model().labels(copies) == MI).all()
    assert (found.signal_mv == donor().apply(found.chosen[None])[0]).all()
    assert (found.mask == donor().mask(found.chosen)).all()


def test_shifted_copies_take_more_than_the_candidate_alone() -> None:
    unshifted = search([donor()], MI, model(0.7), replace(SETTINGS, shifts=(), margin=0.0))
    steady = search([donor()], MI, model(0.7), replace(SETTINGS, margin=0.0))
    assert model(0.7).margins(shifted(steady.signal_mv, SETTINGS.shifts), MI).min() >= 0
    assert unshifted.chosen.sum() <= steady.chosen.sum()


def test_the_sparsest_of_the_searched_donors_is_taken() -> None:
    weak, strong = donor(0.8), donor(1.6)
    found = search([weak, strong], MI, model(), SETTINGS)
    assert found.donor == 1
    assert found.searched == 2
    assert search([weak, strong, strong], MI, model(), replace(SETTINGS, donors=1)).searched == 1


def test_where_no_donor_has_the_margin_half_of_the_most_is_asked_for() -> None:
    """All of the donor comes to 5 logits, short of the 8 that are asked for; 2.5 take fewer edits."""
    found = search([donor(1.0)], MI, model(), replace(SETTINGS, margin=8.0, shifts=()))
    assert found.valid
    assert 2.4 <= found.margin < 5.0
    assert found.chosen.sum() <= 6


def test_what_cannot_be_reached_is_not_called_valid() -> None:
    found = search([donor(0.2), donor(0.4)], MI, model(), SETTINGS)
    assert not found.valid
    assert found.margin < 0
    assert found.donor == 1  # which comes nearer
    assert found.searched == 2


def test_forwards_are_counted() -> None:
    counted = 0
    plain = model()

    def probabilities(signals_mv: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal counted
        counted += len(signals_mv)
        return plain.probabilities(signals_mv)

    def gradients(signals_mv: NDArray[np.float32], target: NDArray[np.bool_]) -> NDArray[np.float32]:
        nonlocal counted
        counted += 3 * len(signals_mv)
        return plain.margin_gradients(signals_mv, target)

    counting = DifferentiableModel(probabilities, plain.thresholds, gradients)
    found = search([donor()], MI, counting, SETTINGS)
    assert found.forwards == counted


def test_the_same_search_gives_the_same_bytes() -> None:
    one, other = (search([donor(), donor(1.5)], MI, model(), SETTINGS) for _ in range(2))
    assert one.signal_mv.tobytes() == other.signal_mv.tobytes()
    assert (one.margin, one.forwards) == (other.margin, other.forwards)


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_changes_nothing(workers: int) -> None:
    donors = [donor(), donor(1.5), donor(0.7)]
    settings = replace(SETTINGS, donors=3, refined=2)
    one, other = (search(donors, MI, model(), settings, number) for number in (1, workers))
    assert one.signal_mv.tobytes() == other.signal_mv.tobytes()
    assert (one.donor, one.margin, one.searched, one.forwards) == (
        other.donor,
        other.margin,
        other.searched,
        other.forwards,
    )


def test_what_was_asked_for_is_not_asked_for_again() -> None:
    trial = Trial(donor(), MI, model(), SETTINGS)
    one, other = np.array([124, 369]), np.array([136])
    margins = trial.own_margins([one, other])
    assert trial.forwards == 2
    assert trial.own_margins([one[::-1], other, one]).tolist() == margins[[0, 1, 0]].tolist()
    assert trial.forwards == 2
    own, smallest = trial.verified(one)
    assert (own, trial.forwards) == (margins[0], 2 + len(SETTINGS.shifts))
    assert trial.verified(one) == (own, smallest)
    assert trial.shifted_margins([one])[0] >= smallest
    assert trial.forwards == 2 + len(SETTINGS.shifts)


@pytest.mark.parametrize(("eliminated", "left"), [(1, 598), (8, 591)])
def test_only_edits_that_came_last_are_taken_away(eliminated: int, left: int) -> None:
    """Three segments are needed; of the lengths 1, 2, 599 and 600 that are tried, 599 is the first that is enough."""
    settings = replace(SETTINGS, lengths=2, passes=0, rounds=1, eliminated=eliminated)
    found = search([donor()], MI, model(0.4), settings)
    assert found.chosen.sum() == left
    assert found.margin >= SETTINGS.margin


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_how_many_are_asked_for_at_a_time_changes_forwards_alone(
    at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = search([donor(), donor(1.5)], MI, model(), SETTINGS)
    monkeypatch.setattr(trial, "AT_A_TIME", at_a_time)
    found = search([donor(), donor(1.5)], MI, model(), SETTINGS)
    assert found.signal_mv.tobytes() == expected.signal_mv.tobytes()
    assert (found.donor, found.margin, found.searched) == (expected.donor, expected.margin, expected.searched)
    assert (found.forwards > expected.forwards) == (at_a_time == 100)


def test_without_a_donor_there_is_nothing_to_search() -> None:
    with pytest.raises(ValueError, match="no donor"):
        search([], MI, model(), SETTINGS)


def test_margins_are_of_the_label_that_is_worst_off() -> None:
    certain = BlackBox(
        lambda signals: np.tile(np.float32([0.1, 0.9, 0.4, 1.0, 0.0]), (len(signals), 1)),
        np.array([0.5, 0.5, 0.5, 0.5, 0.5]),
    )
    (of_mi,) = certain.margins(QUERY[None], MI)
    (of_both,) = certain.margins(QUERY[None], label_set(["MI", "CD"]))
    assert of_mi < -15  # CD is certain, and not wanted; finite all the same
    assert np.isfinite(of_mi)
    assert of_both == pytest.approx(np.log(0.6 / 0.4), rel=1e-5)  # STTC is nearest to being wrong
