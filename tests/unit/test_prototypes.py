from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from veribeat.errors import InputError
from veribeat.prototypes.candidates import are_candidates
from veribeat.prototypes.clustering import ClusterSettings, cluster

SETTINGS = ClusterSettings(
    dimensions=range(2, 6), clusters=range(2, 7), smallest_class=3, smallest_cluster=0.0, seed=0
)


def groups(sizes=(9, 14, 11), dimensions=3, seed=0):
    """Distances between points about corners that are 10 apart from the origin, and the corner of each point."""
    corners = np.repeat(np.arange(len(sizes)), sizes)
    points = np.random.default_rng(seed).normal(0, 1, (len(corners), dimensions))
    points[np.arange(len(corners)), corners] += 10
    distances = cdist(points, points)
    return (distances + distances.T) / 2, corners


def test_candidates_have_one_superclass_that_is_predicted_and_nothing_else():
    targets = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    predicted = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    assert are_candidates(targets, predicted).tolist() == [True, False, False, False, False]


def test_groups_are_found_and_numbered_by_size():
    distances, corners = groups()
    found = cluster(distances, SETTINGS)
    assert found.clusters == 3
    assert found.labels.tolist() == np.array([2, 0, 1])[corners].tolist()
    assert found.embedding.shape == (34, found.dimensions)
    assert found.note == ""


def test_a_medoid_has_the_least_summed_distance_within_its_cluster():
    distances, _ = groups(seed=3)
    found = cluster(distances, SETTINGS)
    for number, medoid in enumerate(found.medoids):
        members = np.flatnonzero(found.labels == number)
        sums = {record: sum(distances[record, other] for other in members) for record in members}
        assert medoid == min(sums, key=sums.get)


def test_dimensions_and_clusters_are_those_of_the_highest_silhouette_on_the_distances():
    distances, _ = groups((20, 20), dimensions=4)
    found = cluster(distances, SETTINGS)
    tried = found.table.set_index(["dimensions", "clusters"])["silhouette"]
    assert sorted(tried.index) == [(d, k) for d in range(2, 6) for k in range(2, 7)]
    assert tried[found.dimensions, found.clusters] == tried.max()
    assert found.silhouettes.mean() == pytest.approx(tried.max())
    assert tried.max() == pytest.approx(silhouette_score(distances, found.labels, metric="precomputed"))


def test_of_equal_silhouettes_the_fewest_dimensions_win():
    found = cluster(groups()[0], SETTINGS)
    best = found.table[found.table["silhouette"] == found.table["silhouette"].max()]
    assert len(best) > 1
    assert found.dimensions == best["dimensions"].min()
    turned = ClusterSettings([5, 4, 3, 2], [6, 5, 4, 3, 2], 3, 0.0, 0)
    assert cluster(groups()[0], turned).table.equals(found.table)


def test_the_embedding_keeps_the_distances():
    distances, _ = groups()
    found = cluster(distances, ClusterSettings([3], [3], 3, 0.0, 0))
    assert cdist(found.embedding, found.embedding) == pytest.approx(distances, abs=0.01)


def test_the_table_tells_an_outlier_from_a_group():
    distances, _ = groups((30, 1))
    found = cluster(distances, SETTINGS)
    assert np.bincount(found.labels).tolist() == [30, 1]
    best = found.table[(found.table["clusters"] == 2) & (found.table["dimensions"] == found.dimensions)]
    assert best["smallest_cluster"].tolist() == [1]


def test_an_outlier_does_not_become_a_prototype_where_clusters_must_be_larger():
    distances, _ = groups((30, 1))
    found = cluster(distances, replace(SETTINGS, smallest_cluster=0.1))
    assert np.bincount(found.labels).min() >= 0.1 * 31
    assert found.table.equals(cluster(distances, SETTINGS).table)


def test_where_every_division_is_too_small_there_is_one_cluster():
    distances, _ = groups((30, 1))
    found = cluster(distances, replace(SETTINGS, clusters=[2], dimensions=[2], smallest_cluster=0.1))
    assert (found.clusters, found.dimensions) == (1, 0)
    assert found.note == "Every division has a cluster that is too small."
    assert len(found.table) == 1


def test_it_comes_out_the_same_again():
    distances, _ = groups((30,), dimensions=8)
    first, second = cluster(distances, SETTINGS), cluster(distances, SETTINGS)
    assert first.embedding.tobytes() == second.embedding.tobytes()
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.table.equals(second.table)


def test_without_records_there_are_no_prototypes():
    found = cluster(np.zeros((0, 0)), SETTINGS)
    assert (found.clusters, found.labels.shape, found.embedding.shape) == (0, (0,), (0, 0))
    assert found.note.startswith("0 records")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_too_few_records_are_one_cluster_with_its_medoid(count):
    points = np.array([0.0, 2.0, 3.0, 4.0, 9.0])[:count, None]
    found = cluster(cdist(points, points), ClusterSettings([2], [2], 6, 0.0, 0))
    assert found.labels.tolist() == [0] * count
    assert found.medoids.tolist() == [{1: 0, 2: 0, 5: 2}[count]]
    assert found.dimensions == 0
    assert np.isnan(found.silhouettes).all()
    assert found.table.empty
    assert found.note == f"{count} records, {count} of them distinct, are too few to be divided."


def test_dimensions_and_clusters_stay_below_the_number_of_records():
    distances, _ = groups((2, 2))
    table = cluster(distances, SETTINGS).table
    assert table["clusters"].max() == 3
    assert table["dimensions"].max() == 3


def test_identical_records_count_once():
    found = cluster(np.zeros((8, 8)), SETTINGS)
    assert found.medoids.tolist() == [0]
    assert "1 of them distinct" in found.note
    points = np.repeat(np.eye(4), 3, axis=0)
    twins = cluster(cdist(points, points), SETTINGS)
    assert twins.table["clusters"].max() == 3


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        (np.zeros((3, 4)), "shape"),
        (np.triu(np.ones((4, 4)), 1), "symmetric"),
        (np.ones((4, 4)), "zero on the diagonal"),
        (np.full((4, 4), np.nan), "finite"),
    ],
)
def test_what_is_no_distance_matrix_is_refused(distances, message):
    with pytest.raises(InputError, match=message):
        cluster(distances, SETTINGS)


@pytest.mark.parametrize(("dimensions", "clusters"), [([], [2]), ([2], []), ([0], [2]), ([2], [1])])
def test_there_must_be_something_to_choose_from(dimensions, clusters):
    with pytest.raises(InputError, match="choose"):
        cluster(groups()[0], ClusterSettings(dimensions, clusters, 3, 0.0, 0))
