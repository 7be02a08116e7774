import numpy as np
import pytest
from scipy.spatial.distance import cdist

from veribeat.plots.clusters import cluster_maps, silhouette_curves
from veribeat.plots.style import save_png
from veribeat.prototypes.clustering import ClusterSettings, cluster

SETTINGS = ClusterSettings(
    dimensions=[1, 2, 3], clusters=[2, 3, 4], smallest_class=3, smallest_cluster=0.0, seed=0
)


def clusterings(settings=SETTINGS):
    points = np.random.default_rng(0).normal(0, 1, (24, 3)) + 8 * np.repeat(np.eye(3), 8, axis=0)
    return {
        "CD": cluster(cdist(points, points), settings),
        "HYP": cluster(np.array([[0.0, 1.0], [1.0, 0.0]]), settings),
    }


def points_of(line):
    return np.column_stack([line.get_xdata(), line.get_ydata()])


def test_every_number_of_dimensions_has_a_curve_and_the_choice_is_ringed():
    found = clusterings()["CD"]
    axes = silhouette_curves({"CD": found}).axes[0]
    table = found.table.set_index(["dimensions", "clusters"])["silhouette"]
    curves = [points_of(line) for line in axes.lines if len(line.get_xdata()) == 3]
    assert sorted(curve[:, 1].tolist() for curve in curves) == sorted(table[d].tolist() for d in (1, 2, 3))
    (ring,) = [points_of(line) for line in axes.lines if line.get_fillstyle() == "none"]
    assert ring.tolist() == [[found.clusters, table.max()]]
    assert axes.get_legend().get_texts()[0].get_text() == f"{found.dimensions} dimensions"


def test_a_map_shows_each_cluster_and_its_medoid():
    found = clusterings(ClusterSettings([3], [3], 3, 0.0, 0))["CD"]
    axes = cluster_maps({"CD": found}).axes[0]
    rings = [points_of(line)[0] for line in axes.lines if line.get_fillstyle() == "none"]
    assert np.array(rings) == pytest.approx(found.embedding[found.medoids, :2])
    drawn = [points_of(line) for line in axes.lines if line.get_fillstyle() != "none"]
    for number, points in enumerate(drawn):
        assert points == pytest.approx(found.embedding[found.labels == number, :2])
    assert len(drawn) == found.clusters
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["8", "8", "8"]


def test_an_embedding_of_one_dimension_is_drawn_along_a_line():
    found = clusterings(ClusterSettings([1], [2], 3, 0.0, 0))["CD"]
    axes = cluster_maps({"CD": found}).axes[0]
    assert not np.concatenate([points_of(line)[:, 1] for line in axes.lines]).any()


@pytest.mark.parametrize("draw", [silhouette_curves, cluster_maps])
def test_a_superclass_without_a_choice_has_its_note(draw):
    cd, hyp = draw(clusterings(), "simulated cohort").axes[:2]
    assert cd.get_title(loc="left") == "CD (24 records)"
    assert hyp.get_title(loc="left") == "HYP (2 records)"
    (note,) = hyp.texts
    assert note.get_text().replace("\n", " ") == clusterings()["HYP"].note
    assert not hyp.lines


@pytest.mark.parametrize("draw", [silhouette_curves, cluster_maps])
def test_the_banner_is_on_the_figure_and_its_bytes_are_its_own(tmp_path, draw):
    figure = draw(clusterings(), "simulated cohort")
    assert figure.get_suptitle() == "simulated cohort"
    save_png(figure, tmp_path / "first.png")
    save_png(draw(clusterings(), "simulated cohort"), tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
