"""The three methods of [CF] for one query and target: which prototype, what comes out, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_counterfactuals import LEVELS_MV, PEAKS, donor_set, level_model, prototype_set, recording

from veribeat.conventions import SUPERCLASSES
from veribeat.counterfactual.alignment import align
from veribeat.counterfactual.paper_methods import NOT_ALIGNED, PAPER_METHODS, paper_counterfactual
from veribeat.counterfactual.query import Counterfactual, Query, make_query
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.targets import label_set
from veribeat.errors import InputError
from veribeat.signal.stored_units import from_units, to_units

SETTINGS = SparseSettings(
    tuple(np.arange(2, 21) / 20), shortest_segment=10, r_peak_radius=5, r_peak_weight=2.0
)
PROTOTYPES = prototype_set(["NORM", "MI", "MI", "CD"])
DISTANCES = np.array([1.0, 7.0, 5.0, 9.0])
QUERY_PEAKS = PEAKS[:-1] + 30


def norm_query(peaks: NDArray[np.int64] = QUERY_PEAKS) -> Query:
    return make_query(recording("NORM", seed=99), peaks, level_model())


def explained(
    query: Query, *names: str, distances: NDArray[np.float64] = DISTANCES
) -> tuple[Counterfactual, ...]:
    prototypes = donor_set(PROTOTYPES)
    return tuple(
        paper_counterfactual(method, query, label_set(names), prototypes, distances, level_model(), SETTINGS)
        for method in PAPER_METHODS
    )


def test_a_query_is_in_stored_units_and_knows_its_prediction() -> None:
    query = make_query(recording("CD", seed=3) + np.float32(0.0002), PEAKS, level_model())
    assert (from_units(to_units(query.signal_mv)) == query.signal_mv).all()
    assert query.labels.tolist() == label_set(["CD"]).tolist()
    assert (query.probabilities == level_model().probabilities(query.signal_mv[None])[0]).all()


def test_there_is_one_counterfactual_per_method_from_the_nearest_prototype() -> None:
    found = explained(norm_query(), "MI")
    assert [one.method for one in found] == ["original", "sparse", "aligned_sparse"]
    assert [(one.prototype, one.distance, one.note) for one in found] == [(2, 5.0, "")] * 3


def test_of_equally_near_prototypes_the_first_is_taken() -> None:
    found = explained(norm_query(), "MI", distances=np.array([1.0, 5.0, 5.0, 5.0]))
    assert {one.prototype for one in found} == {1}


def test_original_is_the_prototype_and_sparse_a_part_of_it() -> None:
    query = norm_query()
    original, sparse, _ = explained(query, "MI")
    prototype = PROTOTYPES.signals_mv[2]
    assert (original.signal_mv == prototype).all()
    assert original.mask.all()
    assert (sparse.signal_mv == np.where(sparse.mask, prototype, query.signal_mv)).all()
    assert sparse.keep_ratio < original.keep_ratio == 1.0
    assert original.valid
    assert sparse.valid


def test_aligned_sparse_is_a_part_of_the_aligned_prototype() -> None:
    query = norm_query()
    aligned = align(PROTOTYPES.signals_mv[2], PEAKS, QUERY_PEAKS)
    assert aligned is not None
    _, _, found = explained(query, "MI")
    rounded = from_units(to_units(aligned))
    assert (found.signal_mv == np.where(found.mask, rounded, query.signal_mv)).all()
    assert 0 < found.mask.sum() < found.mask.size


def test_what_is_called_valid_is_predicted_as_the_target() -> None:
    for one in explained(norm_query(), "CD"):
        labels = level_model().labels(one.signal_mv[None])[0]
        assert one.valid == np.array_equal(labels, label_set(["CD"]))


def test_what_cannot_be_aligned_stays_the_query_with_a_note() -> None:
    query = norm_query(peaks=np.array([400]))
    original, sparse, aligned = explained(query, "MI")
    assert (original.note, sparse.note, aligned.note) == ("", "", NOT_ALIGNED)
    assert (aligned.signal_mv == query.signal_mv).all()
    assert (aligned.valid, aligned.keep_ratio, aligned.mask.any()) == (False, 0.0, False)


def test_several_labels_start_from_the_nearest_prototype_of_any_of_them() -> None:
    found = explained(norm_query(), "MI", "CD", distances=np.array([1.0, 9.0, 8.0, 7.0]))
    assert {one.prototype for one in found} == {3}
    assert not any(one.valid for one in found)  # the toy model never predicts two


def test_what_the_model_says_already_is_refused() -> None:
    with pytest.raises(InputError, match="The model already predicts NORM; choose another target"):
        explained(norm_query(), "NORM")


@pytest.mark.parametrize(("names", "said"), [(["HYP"], "HYP"), ([], "no superclass")])
def test_a_target_without_prototypes_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"There is no donor of {said}; choose another target"):
        explained(norm_query(), *names)


def test_the_toy_model_tells_the_superclasses_apart() -> None:
    for name in SUPERCLASSES:
        signal = recording(name, seed=5)
        assert abs(signal.mean() - LEVELS_MV[name]) < 0.2
        assert level_model().labels(signal[None])[0].tolist() == label_set([name]).tolist()
