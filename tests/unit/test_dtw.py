import numpy as np
import pytest
from dtaidistance import dtw_ndim
from numpy.lib.stride_tricks import sliding_window_view
from tslearn.metrics import cdist_dtw, dtw_path_from_metric

from veribeat.dtw.distances import distances_from, dtw_distances, pairwise_distances
from veribeat.dtw.kernel import LANES, ROWS
from veribeat.dtw.squared import squared_distances
from veribeat.errors import InputError


def walks(count, samples, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.1, (count, samples, 12))
    return steps.cumsum(axis=1).astype(np.float32)


def by_dtaidistance(one, other):
    pair = one.astype(np.float64), other.astype(np.float64)
    return dtw_ndim.distance(*pair, inner_dist="euclidean", use_c=True)


def by_tslearn(one, other):
    return dtw_path_from_metric(one.astype(np.float64), other.astype(np.float64), metric="euclidean")


def test_a_small_case_by_hand():
    # Two samples of the one meet the first of the other: 3 and 0, then 1.
    one, other = np.zeros((3, 12), np.float32), np.zeros((2, 12), np.float32)
    one[0, 4], other[1, 7] = 3, 1
    assert dtw_distances(one, other[None]) == pytest.approx([4])


@pytest.mark.parametrize("samples", [1, 2, ROWS - 1, ROWS, ROWS + 1, 30, 1000])
def test_it_is_the_distance_of_both_libraries(samples):
    one, *many = walks(4, samples)
    distances = dtw_distances(one, np.stack(many))
    assert distances.dtype == np.float64
    assert distances == pytest.approx([by_dtaidistance(one, other) for other in many], rel=1e-5)
    assert distances == pytest.approx([by_tslearn(one, other)[1] for other in many], rel=1e-5)


@pytest.mark.parametrize(("samples", "others"), [(1, 17), (40, 23), (23, 40), (50, 1), (600, 6000)])
def test_lengths_may_differ(samples, others):
    one, other = walks(1, samples)[0], walks(1, others, seed=1)[0]
    assert dtw_distances(one, other[None])[0] == pytest.approx(by_dtaidistance(one, other), rel=1e-5)


def test_a_large_offset_costs_no_digits():
    one, other = walks(2, 200) + np.float32(30)
    assert dtw_distances(one, other[None])[0] == pytest.approx(by_dtaidistance(one, other), rel=1e-5)
    assert dtw_distances(one, one[None])[0] == 0


def test_a_value_does_not_depend_on_what_else_is_asked():
    one, *others = walks(2 * LANES + 4, 150)
    many = np.stack(others)
    alone = np.array([dtw_distances(one, other[None])[0] for other in many])
    order = np.random.default_rng(1).permutation(len(many))
    for start in range(LANES):
        assert dtw_distances(one, many[start:]).tobytes() == alone[start:].tobytes()
    assert dtw_distances(one, many[order]).tobytes() == alone[order].tobytes()


def test_all_against_all_is_symmetric_and_the_same_with_any_number_of_workers():
    signals = walks(LANES + 5, 60)
    distances = pairwise_distances(signals)
    assert (distances == distances.T).all()
    assert not distances.diagonal().any()
    assert (distances[~np.eye(len(signals), dtype=bool)] > 0).all()
    assert pairwise_distances(signals, workers=3).tobytes() == distances.tobytes()


def test_rows_can_be_computed_one_by_one_in_any_order():
    signals = walks(7, 60)
    rows = {index: distances_from(signals, index) for index in (6, 2, 0, 5, 1, 4, 3)}
    upper = np.array([rows[index] for index in range(7)])
    assert not np.tril(upper).any()
    assert (upper + upper.T).tobytes() == pairwise_distances(signals).tobytes()


def test_squared_distances_are_tslearns():
    signals = walks(5, 40)
    distances = pairwise_distances(signals, workers=2, measure=squared_distances)
    assert distances == pytest.approx(cdist_dtw(signals.astype(np.float64)))
    assert not np.allclose(distances, pairwise_distances(signals))


@pytest.mark.parametrize("measure", [dtw_distances, squared_distances])
def test_none_to_compare_with(measure):
    assert measure(walks(1, 20)[0], np.zeros((0, 20, 12), np.float32)).shape == (0,)
    assert pairwise_distances(np.zeros((0, 20, 12), np.float32), measure=measure).shape == (0, 0)
    assert pairwise_distances(walks(1, 20), measure=measure).tolist() == [[0]]


@pytest.mark.parametrize("measure", [dtw_distances, squared_distances])
def test_float64_and_strided_input(measure):
    signals = walks(3, 40)
    strided = sliding_window_view(signals[0], 20, axis=0).transpose(0, 2, 1)
    assert not strided.flags.c_contiguous
    assert measure(signals[1], strided).tobytes() == measure(signals[1], strided.copy()).tobytes()
    assert measure(signals[1].astype(np.float64), signals.astype(np.float64)).tobytes() == (
        measure(signals[1], signals).tobytes()
    )


@pytest.mark.parametrize("measure", [dtw_distances, squared_distances])
@pytest.mark.parametrize(
    ("one", "many"),
    [
        (np.zeros((10, 11)), np.zeros((2, 10, 12))),
        (np.zeros((10, 12)), np.zeros((2, 10, 11))),
        (np.zeros((10, 12)), np.zeros((10, 12))),
        (np.zeros((1, 10, 12)), np.zeros((2, 10, 12))),
        (np.zeros((0, 12)), np.zeros((2, 10, 12))),
        (np.zeros((10, 12)), np.zeros((2, 0, 12))),
    ],
)
def test_other_shapes_are_refused(measure, one, many):
    with pytest.raises(InputError, match="12 leads"):
        measure(one, many)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
    signals = walks(3, 10)
    signals[1, 4, 2] = value
    for wrong in (
        lambda: dtw_distances(signals[0], signals),
        lambda: dtw_distances(signals[1], signals[:1]),
        lambda: pairwise_distances(signals),
    ):
        with pytest.raises(InputError, match="not finite"):
            wrong()
